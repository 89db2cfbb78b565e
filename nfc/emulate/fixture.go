package emulate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// FixtureConfig says what [Isolated] sets up. The zero value is one virtual reader with two slots, named as the package
// vsmartcard-vpcd names them: "Virtual PCD 00 00" and "Virtual PCD 00 01".
type FixtureConfig struct {
	// Reader is the name of the reader. A name other than "Virtual PCD" makes a reader that nothing but its driver tells
	// from one of metal. The driver vpcd serves one reader with two slots, which programs list as two readers.
	Reader string
	// NoReaders starts pcscd without any reader.
	NoReaders bool
	// NoDaemon leaves pcscd stopped until [Fixture.StartDaemon].
	NoDaemon bool
	// Programs are needed beside pcscd and the driver vpcd, e.g. "opensc-tool".
	Programs []string
}

// virtualReader is the name that the package vsmartcard-vpcd gives its reader.
const virtualReader = "Virtual PCD"

// firstPort is where vpcd listens for the card of slot 0; slot n listens n above.
const firstPort = 35963

// packages names the Debian package of each program, for the sentence that tells what is missing.
var packages = map[string]string{
	"pcscd": "pcscd", driverName: "vsmartcard-vpcd", "opensc-tool": "opensc", "pkcs15-tool": "opensc", "pkcs11-tool": "opensc",
	"piv-tool": "opensc", "yubico-piv-tool": "yubico-piv-tool", "openssl": "openssl",
}

// driverName is the driver of the virtual reader.
const driverName = "libifdvpcd.so"

// driverPath finds the driver of the virtual reader, empty when it is not installed.
func driverPath() string {
	for _, pattern := range []string{"/usr/lib/pcsc/drivers/serial/", "/usr/lib64/pcsc/drivers/serial/", "/usr/lib/*/pcsc/drivers/serial/", "/usr/local/lib/pcsc/drivers/serial/"} {
		if found, _ := filepath.Glob(pattern + driverName); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// Require skips a test which needs programs that are not here, and names them with their packages; with CI=true it fails
// instead. The name libifdvpcd.so stands for the driver of the virtual reader.
func Require(t testing.TB, programs ...string) {
	t.Helper()
	var missing []string
	for _, program := range programs {
		if program == driverName && driverPath() != "" {
			continue
		}
		if program == "pcscd" && daemonPath() != "" {
			continue
		}
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if name := packages[program]; name != "" {
			program += " (package " + name + ")"
		}
		missing = append(missing, program)
	}
	if len(missing) > 0 {
		skip(t, "missing: "+strings.Join(missing, ", "))
	}
}

// daemonPath finds pcscd, which stands outside the search path of ordinary users.
func daemonPath() string {
	for _, name := range []string{"pcscd", "/usr/sbin/pcscd", "/usr/local/sbin/pcscd"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	return ""
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func (c FixtureConfig) name() string {
	if c.Reader == "" {
		return virtualReader
	}
	return c.Reader
}

// ReaderName gives the name under which pcscd lists slot 0 or 1, empty for a slot that is not there.
func (c FixtureConfig) ReaderName(slot int) string {
	if c.NoReaders || slot < 0 || slot > 1 {
		return ""
	}
	return fmt.Sprintf("%s 00 %02X", c.name(), slot)
}
