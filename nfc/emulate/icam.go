package emulate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ICAMCard makes a card of one folder of the GSA ICAM test cards: each file is an object's content, certificates are PEM.
// The contents are put on the card as they are, also where they are wrong on purpose. Keys are the private keys by
// reference; without 9E the card cannot prove itself. A folder without any object is an error.
func ICAMCard(dir string, keys map[byte]crypto.Signer) (*PIV, error) {
	config := PIVConfig{Objects: map[uint32][]byte{}, Keys: keys}
	for tag, pattern := range map[uint32]string{
		TagSecurityObject: "2 - Security Object", TagCardCapability: "7 - CCC", TagCHUID: "8 - CHUID Object",
		TagFacialImage: "10 - Face Object", TagPrintedInformation: "11 - Printed Information",
	} {
		content, err := readOne(dir, pattern)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		config.Objects[tag] = content
	}
	if content, err := readOne(dir, "1 - Discovery Object"); err == nil {
		tag, value, rest, err := readTLV(content)
		if err != nil || tag != TagDiscovery || len(rest) != 0 {
			return nil, fmt.Errorf("emulate: %s: the discovery object is not one 7E", filepath.Base(dir))
		}
		config.Objects[TagDiscovery] = value
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for tag, pattern := range map[uint32]string{TagAuthentication: "3 - *.crt", TagCardAuthentication: "6 - *.crt"} {
		content, err := readOne(dir, pattern)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(content)
		if block == nil {
			return nil, fmt.Errorf("emulate: %s: %s is no PEM", filepath.Base(dir), pattern)
		}
		config.Objects[tag] = CertificateObject(block.Bytes, false)
	}
	if len(config.Objects) == 0 {
		return nil, fmt.Errorf("emulate: %s holds no objects of a card", filepath.Base(dir))
	}
	return NewPIV(config)
}

// readOne reads the only file of a pattern; several, or none, are an error.
func readOne(dir, pattern string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	name := ""
	for _, entry := range entries {
		if match, _ := filepath.Match(pattern, entry.Name()); match {
			if name != "" {
				return nil, fmt.Errorf("emulate: %s: several files %q", filepath.Base(dir), pattern)
			}
			name = entry.Name()
		}
	}
	if name == "" {
		return nil, fmt.Errorf("emulate: %s: %q: %w", filepath.Base(dir), pattern, fs.ErrNotExist)
	}
	return os.ReadFile(filepath.Join(dir, name))
}

// ICAMKey gives the published private key 9E of an ICAM card, nil where none was published. openssl opens the container:
// its cipher, RC2 with 40 bits, is in no library here.
func ICAMKey(t testing.TB, dir string) crypto.Signer {
	t.Helper()
	container, err := readOne(dir, "6 - *.p12")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	Require(t, "openssl")
	command := exec.Command("openssl", "pkcs12", "-legacy", "-nodes", "-nocerts", "-passin", "pass:")
	command.Stdin = bytes.NewReader(container)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("openssl pkcs12: %v", err)
	}
	block, _ := pem.Decode(output)
	if block == nil {
		t.Fatalf("openssl pkcs12: no key in %d bytes of output", len(output))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		t.Fatalf("key is %T", key)
	}
	return signer
}
