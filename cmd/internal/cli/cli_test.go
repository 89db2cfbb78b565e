package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestLocaleLang(t *testing.T) {
	for _, c := range []struct{ all, messages, lang, want string }{
		{"", "", "", "uk"},
		{"C.UTF-8", "", "en_GB.UTF-8", "uk"},
		{"uk_UA.UTF-8", "en_GB", "en_GB", "uk"},
		{"", "uk_UA", "en_GB", "uk"},
		{"", "", "de_DE.UTF-8", "uk"},
		{"", "", "POSIX", "uk"},
		{"en_GB.UTF-8", "uk_UA", "uk_UA", "en"},
		{"", "en_US", "uk_UA", "en"},
		{"", "", "EN", "en"},
	} {
		got := LocaleLang(func(name string) string {
			return map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}[name]
		})
		if got != c.want {
			t.Errorf("LC_ALL=%q LC_MESSAGES=%q LANG=%q: %s, want %s", c.all, c.messages, c.lang, got, c.want)
		}
	}
}

func TestChooseLang(t *testing.T) {
	t.Setenv("LC_ALL", "uk_UA.UTF-8")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "uk"},
		{[]string{"--lang"}, "uk"},
		{[]string{"--lang", "de"}, "uk"},
		{[]string{"--language=en"}, "uk"},
		{[]string{"qr", "--", "--lang", "en"}, "uk"},
		{[]string{"--lang=en", "--lang", "uk"}, "uk"},
		{[]string{"qr", "--lang", "en"}, "en"},
		{[]string{"--help", "--lang=en"}, "en"},
	} {
		env := &Env{}
		if env.ChooseLang(c.args); env.Lang != c.want {
			t.Errorf("%q: %s, want %s", c.args, env.Lang, c.want)
		}
	}
}

// TestExitCodes: nothing but success ends with 0.
func TestExitCodes(t *testing.T) {
	plain := errors.New("disk on fire")
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, 0, ""},
		{plain, 1, "test: disk on fire\n"},
		{Hint(plain, "put it out"), 1, "test: disk on fire\ntest: hint: put it out\n"},
		{Hint(plain, ""), 1, "test: disk on fire\n"},
		{&Exit{1}, 1, ""},
		{&Exit{3}, 3, ""},
		{Usagef("--n: want %d", 1), 2, "test: --n: want 1\n"},
		{&Undecided{plain}, 3, "test: disk on fire\n"},
		{&Undecided{Hint(plain, "put it out")}, 3, "test: disk on fire\ntest: hint: put it out\n"},
		{&Undecided{Usagef("--n")}, 2, "test: --n\n"},
		{&Undecided{&Exit{1}}, 1, ""},
		{fmt.Errorf("outer: %w", &Undecided{plain}), 3, "test: outer: disk on fire\n"},
		{fmt.Errorf("outer: %w", Usagef("--n")), 2, "test: outer: --n\n"},
	} {
		var out, errs bytes.Buffer
		env := &Env{Program: "test", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
		code := env.Run(&cobra.Command{Use: "test", RunE: func(*cobra.Command, []string) error { return c.err }}, nil)
		if code != c.code || errs.String() != c.stderr || out.Len() > 0 {
			t.Errorf("%v: exit %d, stderr %q; want %d, %q", c.err, code, errs.String(), c.code, c.stderr)
		}
	}
	if Hint(nil, "nothing happened") != nil {
		t.Error("a hint makes an error of success")
	}
}

// TestCommandLine: the library's own complaints end with 2 and print no usage page.
func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"sub"}, {"sub", "a", "b"}, {"sub", "a", "--nonsense"}, {"sub", "-x", "a"}, {"sub", "a", "--n", "many"}, {"need"}} {
		var out, errs bytes.Buffer
		env := &Env{Program: "test", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
		root := &cobra.Command{Use: "test"}
		ran := func(*cobra.Command, []string) error { t.Errorf("%q runs", args); return nil }
		sub := &cobra.Command{Use: "sub", Args: cobra.ExactArgs(1), RunE: ran}
		sub.Flags().Int("n", 0, "")
		need := &cobra.Command{Use: "need", RunE: ran}
		need.Flags().String("must", "", "")
		need.MarkFlagRequired("must")
		root.AddCommand(sub, need)
		if code := env.Run(root, args); code != ExitUsage || out.Len() > 0 || !strings.HasPrefix(errs.String(), "test: ") {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out.String(), errs.String())
		}
	}
}

// TestOnlyHelp: a group that was not told what to do did nothing, and says so with 2; help that was asked for is 0.
func TestOnlyHelp(t *testing.T) {
	for line, want := range map[string]int{"": 2, "group": 2, "group nonsense": 2, "group nonsense --help": 0, "--help": 0, "-h": 0, "group --help": 0, "group sub": 0, "completion": 2, "completion tcsh": 2, "completion bash": 0} {
		var out, errs bytes.Buffer
		env := &Env{Program: "test", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Lang: "uk"}
		root, group := &cobra.Command{Use: "test"}, &cobra.Command{Use: "group"}
		root.AddCommand(group)
		group.AddCommand(&cobra.Command{Use: "sub", RunE: func(*cobra.Command, []string) error { return nil }})
		if code := env.Run(root, strings.Fields(line)); code != want || (want == 2) != strings.HasPrefix(errs.String(), "test: ") {
			t.Errorf("%q: exit %d, want %d; stderr %q", line, code, want, errs.String())
		}
	}
}

// TestHelpSpeaks: help is in the reader's language; what a person must type stays.
func TestHelpSpeaks(t *testing.T) {
	for lang, want := range map[string][3]string{"uk": {"Команди:", "зробити", "make"}, "en": {"Available Commands:", "make", "зробити"}} {
		var out bytes.Buffer
		env := &Env{Program: "test", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Lang: lang}
		root := &cobra.Command{Use: "test"}
		root.AddCommand(&cobra.Command{Use: "sub", Short: "зробити / make", Run: func(*cobra.Command, []string) {}})
		if code := env.Run(root, []string{"--help"}); code != 0 {
			t.Errorf("%s: exit %d", lang, code)
		}
		text := out.String()
		if !strings.Contains(text, want[0]) || !strings.Contains(text, want[1]) || strings.Contains(text, want[2]) || !strings.Contains(text, "--help") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("POSVID_PASSPHRASE", "")
	for _, c := range []struct{ file, variable, want string }{
		{write("empty", ""), "from the variable", ""},
		{write("line end", "\r\n"), "", ""},
		{filepath.Join(dir, "absent"), "from the variable", ""},
		{write("large", strings.Repeat("x", maxPassphrase+1)), "", ""},
		{"", "", ""}, // stdin is no terminal
		{write("good", " пароль \n"), "from the variable", " пароль "},
		{"", "from the variable", "from the variable"},
	} {
		t.Setenv("POSVID_PASSPHRASE", c.variable)
		env := &Env{Program: "test", Stdin: strings.NewReader("typed\n"), Stderr: &bytes.Buffer{}, PassphraseFile: c.file}
		got, err := env.Passphrase(false)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q, %q: %q, %v", c.file, c.variable, got, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for size, good := range map[int]bool{0: true, 9: true, 10: true, 11: false, 1000: false} {
		data := bytes.Repeat([]byte{'x'}, size)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{name, "-"} {
			got, err := (&Env{Stdin: bytes.NewReader(data)}).ReadFile(source, 10)
			if (err == nil) != good || good && !bytes.Equal(got, data) || !good && got != nil {
				t.Errorf("%s of %d bytes, at most 10: %d bytes, %v", source, size, len(got), err)
			}
		}
	}
}

// TestWriteAtomic: a failure leaves the old file and nothing else.
func TestWriteAtomic(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "result")
	for _, text := range []string{"old", "new"} {
		if err := WriteAtomic(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("rights %v, %v", info.Mode(), err)
	}
	if err := WriteAtomic(filepath.Join(dir, "absent", "result"), nil, 0o600); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(folder, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
