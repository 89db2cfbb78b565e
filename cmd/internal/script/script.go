// Package script runs the script tests of the programs: cmd/*/testdata/*.txt.
//
// A script drives the programs as a person does and looks at stdout, stderr, exit codes and what lies on the disk.
// Beside the commands of testscript it has:
//
//	exit N CMD ARG…          runs a command that has to end with exit code N
//	capture VAR REGEXP FILE  sets VAR to the first group of REGEXP in FILE (or stdout, stderr)
//	only VAR PATTERN         sets VAR to the one file that matches PATTERN
//	none PATTERN…            no file matches
//	json FILE PATH VALUE     each line of FILE is an object whose PATH (a.b) is VALUE; PATH of keys= lists all keys
//	damage FILE              flips a bit in the middle of each file that is named or matched
//	cut FILE N               keeps the first N bytes
//	picture FILE TEXT        draws TEXT as a QR code; without TEXT, a picture with no code
//	sheet FILE TEXT…         draws each TEXT as a QR code, side by side; FILE.pdf has one page a TEXT, as vectors
//	needs PROGRAM PACKAGE    fails in CI when the program is missing; elsewhere [!exec:PROGRAM] skip follows
//	typed FILE TEXT          TEXT as a hand scanner types it while the keyboard is Ukrainian, and Enter
//	portrait FILE SEED       draws an invented portrait
//	same FILE FILE           two files are equal byte for byte
//	hides FILE WORD…         none of the words stands in FILE (or stdout, stderr)
package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

// ClockVariable shifts the clock of the programs in a script, in the form of time.ParseDuration. Only the test binaries,
// which call Env, know it.
const ClockVariable = "SCRIPT_CLOCK"

// Env is the environment of a program that a script runs.
func Env(program string) *cli.Env {
	env := cli.New(program)
	env.Seal = keys.SealOptions{WorkFactor: 10} // a script opens a hundred sealed keys, and nobody guesses at their passphrase
	if text := os.Getenv(ClockVariable); text != "" {
		shift, err := time.ParseDuration(text)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", ClockVariable, err)
			os.Exit(99)
		}
		env.Now = func() time.Time { return time.Now().Add(shift) }
	}
	return env
}

// Params are the parameters with which scripts of a folder run. The locale, the time zone and the passphrase do not depend on
// the machine; $HR is the folder of invented staff data,
// $V1 that of the vectors.
func Params(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			vectors, err := filepath.Abs(filepath.Join("..", "..", "testvectors"))
			if err != nil {
				return err
			}
			e.Setenv("HR", filepath.Join(vectors, "hr"))
			e.Setenv("V1", filepath.Join(vectors, "v1"))
			e.Setenv("LC_ALL", "uk_UA.UTF-8")
			e.Setenv("TZ", "Pacific/Kiritimati")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "xdg"))
			e.Setenv("POSVID_PASSPHRASE", "проба")
			e.Setenv("POSVID_DIR", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": exit, "capture": capture, "only": only, "none": none, "json": jsonIs, "damage": damage, "cut": cut,
			"picture": picture, "sheet": sheet, "needs": needs, "typed": typed, "portrait": portrait, "same": same, "hides": hides,
		},
		RequireUniqueNames: true,
	}
}

// need stops a script whose command is used wrongly.
func need(ts *testscript.TestScript, neg, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func exit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) >= 2, "exit N CMD ARG…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	for _, panicked := range []string{"panic:", "goroutine "} {
		if strings.Contains(ts.ReadFile("stderr"), panicked) {
			ts.Fatalf("the program panicked")
		}
	}
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 3, "capture VAR REGEXP FILE")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile(args[2]))
	if len(found) < 2 {
		ts.Fatalf("no %s in %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// matches expands patterns below the script's folder; a name without a match stays itself.
func matches(ts *testscript.TestScript, pattern string) []string {
	found, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	return found
}

func only(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "only VAR PATTERN")
	found := matches(ts, args[1])
	if len(found) != 1 {
		ts.Fatalf("%s matches %v, want one file", args[1], found)
	}
	ts.Setenv(args[0], found[0])
}

func none(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) > 0, "none PATTERN…")
	for _, pattern := range args {
		if found := matches(ts, pattern); len(found) > 0 {
			ts.Fatalf("left behind: %v", found)
		}
	}
}

func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 3, "json FILE PATH VALUE")
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n")
	for _, line := range lines {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			ts.Fatalf("%q is no JSON object on a line: %v", line, err)
		}
		path, listKeys := strings.CutSuffix(args[1], "keys=")
		for _, key := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
			if list, ok := value.([]any); ok && len(list) > 0 {
				value = list[0]
			}
			object, ok := value.(map[string]any)
			if !ok {
				ts.Fatalf("%s: nothing has a key %s in %s", args[1], key, line)
			}
			if value, ok = object[key]; !ok {
				ts.Fatalf("%s: no key %s in %s", args[1], key, line)
			}
		}
		if list, ok := value.([]any); ok && listKeys && len(list) > 0 {
			value = list[0]
		}
		got := fmt.Sprint(value)
		if object, ok := value.(map[string]any); ok && listKeys {
			var keys []string
			for key := range object {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			got = strings.Join(keys, " ")
		}
		if got != args[2] {
			ts.Fatalf("%s is %q, want %q, in %s", args[1], got, args[2], line)
		}
	}
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) > 0, "damage FILE…")
	for _, pattern := range args {
		found := matches(ts, pattern)
		if len(found) == 0 {
			ts.Fatalf("%s: no such file", pattern)
		}
		for _, name := range found {
			data, err := os.ReadFile(name)
			ts.Check(err)
			data[len(data)/2] ^= 1
			ts.Check(os.WriteFile(name, data, 0o600))
		}
	}
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "cut FILE N")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func picture(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1 || len(args) == 2, "picture FILE [TEXT]")
	var out bytes.Buffer
	if len(args) == 2 {
		symbol, err := qr.Encode(args[1])
		ts.Check(err)
		ts.Check(symbol.PNG(&out, qr.PNGOptions{}))
	} else {
		blank := image.NewGray(image.Rect(0, 0, 200, 200))
		for i := range blank.Pix {
			blank.Pix[i] = 255
		}
		blank.SetGray(100, 100, color.Gray{})
		ts.Check(png.Encode(&out, blank))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

func portrait(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "portrait FILE SEED")
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), hrdata.Portrait(seed), 0o600))
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "same FILE FILE")
	if ts.ReadFile(args[0]) != ts.ReadFile(args[1]) {
		ts.Fatalf("%s and %s differ", args[0], args[1])
	}
}

func hides(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) >= 2, "hides FILE WORD…")
	text := ts.ReadFile(args[0])
	for _, word := range args[1:] {
		if strings.Contains(text, word) {
			ts.Fatalf("%s tells %q: %s", args[0], word, text)
		}
	}
}
