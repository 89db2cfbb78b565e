// Package cli is what the two programs share: streams, language, passphrases, exit codes and the way errors are told.
//
// Results go to stdout, talk to stderr. Codes, JSON keys and exit codes are never translated.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/posvid/posvid/crypto/keys"
)

// Exit codes of both programs.
const (
	ExitAccept        = 0 // accepted, or the command did what it was asked
	ExitRefuse        = 1 // refused, or the command failed
	ExitUsage         = 2 // the command line is wrong
	ExitCannotConfirm = 3 // could not decide
)

// Env is what a command may touch of the outside.
type Env struct {
	Program string // name printed before messages
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Now     func() time.Time // the only clock
	Lang    string           // "uk" or "en"
	Dir     string           // --dir: operator/, bodies/, wallets/, checkpoint/

	PassphraseFile         string // --passphrase-file
	OperatorPassphraseFile string // --as-passphrase-file

	Seal keys.SealOptions // how hard sealed keys make guessing their passphrase; the zero value is the usual way

	passphrase []byte
	chosen     string // --lang
}

// New is the environment of a running program.
func New(program string) *Env {
	return &Env{Program: program, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now, Lang: "uk"}
}

// Exit carries an exit code without a further message: the command has said what there was to say.
type Exit struct{ Code int }

// Error implements error.
func (e *Exit) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// UsageError is a fault of the command line: exit code 2.
type UsageError struct{ Text string }

// Error implements error.
func (e *UsageError) Error() string { return e.Text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// Hinted is an error with the next step for the reader.
type Hinted struct {
	Err  error
	Hint string
}

// Error implements error.
func (e *Hinted) Error() string { return e.Err.Error() }

// Unwrap gives the error under the hint.
func (e *Hinted) Unwrap() error { return e.Err }

// Hint adds a next step to an error; nil stays nil.
func Hint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Hinted{err, hint}
}

// Undecided is an error after which nothing can be said of an ID: exit code 3.
type Undecided struct{ Err error }

// Error implements error.
func (e *Undecided) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Undecided) Unwrap() error { return e.Err }

// T picks the text of the reader's language and formats it.
func (e *Env) T(uk, en string, args ...any) string {
	text := uk
	if e.Lang == "en" {
		text = en
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Say writes a line of talk to stderr in the reader's language.
func (e *Env) Say(uk, en string, args ...any) { fmt.Fprintln(e.Stderr, e.T(uk, en, args...)) }

// Print writes a line of result to stdout in the reader's language.
func (e *Env) Print(uk, en string, args ...any) { fmt.Fprintln(e.Stdout, e.T(uk, en, args...)) }

// Err makes an error in the reader's language.
func (e *Env) Err(uk, en string, args ...any) error {
	text := uk
	if e.Lang == "en" {
		text = en
	}
	return fmt.Errorf(text, args...)
}

// AddFlags puts the flags every command has on the root.
func (e *Env) AddFlags(root *cobra.Command) {
	root.PersistentFlags().StringVar(&e.chosen, "lang", "", "мова повідомлень: uk або en / language of messages (default from the locale)")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return e.setLang() }
}

// AddStateFlags puts the flags of commands that keep state and keys.
func (e *Env) AddStateFlags(root *cobra.Command) {
	dir := os.Getenv("POSVID_DIR")
	if dir == "" {
		dir = "."
	}
	root.PersistentFlags().StringVar(&e.Dir, "dir", dir, "тека стану: operator/ bodies/ wallets/ checkpoint/ / state folder ($POSVID_DIR)")
	root.PersistentFlags().StringVar(&e.PassphraseFile, "passphrase-file", "", "файл із парольною фразою / file with the passphrase (else $POSVID_PASSPHRASE, else a prompt)")
	root.PersistentFlags().StringVar(&e.OperatorPassphraseFile, "as-passphrase-file", "", "файл із парольною фразою підписувача, коли вона своя / file with the operator's own passphrase")
}

// ChooseLang sets the language before the command line is parsed, for the texts of help: --lang if it names one, else the locale.
func (e *Env) ChooseLang(args []string) {
	e.Lang = LocaleLang(os.Getenv)
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if arg == "--" {
			return
		}
		if ok && (value == "uk" || value == "en") {
			e.Lang = value
		}
	}
}

// setLang takes --lang, else the locale, else Ukrainian.
func (e *Env) setLang() error {
	switch e.chosen {
	case "uk", "en":
		e.Lang = e.chosen
	case "":
		e.Lang = LocaleLang(os.Getenv)
	default:
		return Usagef("--lang: want uk or en, got %q", e.chosen)
	}
	return nil
}

// LocaleLang reads the language from the locale variables in their POSIX order; what is not English is Ukrainian.
func LocaleLang(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			if strings.HasPrefix(strings.ToLower(value), "en") {
				return "en"
			}
			return "uk"
		}
	}
	return "uk"
}

// maxPassphrase bounds a passphrase file.
const maxPassphrase = 4096

// Passphrase gives the passphrase that seals this state: the file, else $POSVID_PASSPHRASE, else a prompt on the
// terminal. It is never the value of a flag, which other users of the machine can read.
func (e *Env) Passphrase(confirm bool) ([]byte, error) {
	if e.passphrase != nil {
		return e.passphrase, nil
	}
	switch {
	case e.PassphraseFile != "":
		phrase, err := e.ReadPassphrase(e.PassphraseFile)
		if err != nil {
			return nil, err
		}
		e.passphrase = phrase
	case os.Getenv("POSVID_PASSPHRASE") != "":
		e.passphrase = []byte(os.Getenv("POSVID_PASSPHRASE"))
	default:
		phrase, err := e.promptPassphrase(confirm)
		if err != nil {
			return nil, err
		}
		e.passphrase = phrase
	}
	if len(e.passphrase) == 0 {
		e.passphrase = nil
		return nil, e.Err("парольна фраза порожня", "the passphrase is empty")
	}
	return e.passphrase, nil
}

// ReadPassphrase reads a passphrase file; a line end after the phrase is not part of it.
func (e *Env) ReadPassphrase(name string) ([]byte, error) {
	data, err := e.ReadFile(name, maxPassphrase)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimRight(string(data), "\r\n")), nil
}

// OperatorPassphrase gives the passphrase of the operator who acts: his own file, else the one of the state.
func (e *Env) OperatorPassphrase() ([]byte, error) {
	if e.OperatorPassphraseFile != "" {
		return e.ReadPassphrase(e.OperatorPassphraseFile)
	}
	return e.Passphrase(false)
}

// Ask asks for a secret on the terminal without showing it.
func (e *Env) Ask(prompt string) ([]byte, error) {
	file, ok := e.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, Hint(e.Err("потрібна парольна фраза", "a passphrase is needed"),
			e.T("дайте --passphrase-file ФАЙЛ або $POSVID_PASSPHRASE", "give --passphrase-file FILE or $POSVID_PASSPHRASE"))
	}
	fmt.Fprint(e.Stderr, prompt)
	defer fmt.Fprintln(e.Stderr)
	return term.ReadPassword(int(file.Fd()))
}

// promptPassphrase asks on the terminal, twice when a new state is made.
func (e *Env) promptPassphrase(confirm bool) ([]byte, error) {
	for {
		first, err := e.Ask(e.T("Парольна фраза: ", "Passphrase: "))
		if err != nil || !confirm {
			return first, err
		}
		second, err := e.Ask(e.T("Ще раз: ", "Again: "))
		if err != nil {
			return nil, err
		}
		if string(first) == string(second) {
			return first, nil
		}
		e.Say("фрази різні, ще раз", "the two differ, once more")
	}
}

// SetPassphrase fixes the passphrase for a whole run; demo and bench use it for state they make and own.
func (e *Env) SetPassphrase(phrase []byte) { e.passphrase = phrase }

// Interactive says whether a person sits at the terminal on both ends.
func (e *Env) Interactive() bool {
	in, inOK := e.Stdin.(*os.File)
	out, outOK := e.Stderr.(*os.File)
	return inOK && outOK && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// Columns is the width of the terminal on stdout, 0 when stdout is not one.
func (e *Env) Columns() int {
	out, ok := e.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Colour says whether results may carry colour: a terminal, no NO_COLOR, not a dumb one.
func (e *Env) Colour() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && e.Columns() > 0
}

// Path joins a path below --dir.
func (e *Env) Path(parts ...string) string {
	return filepath.Join(append([]string{e.Dir}, parts...)...)
}

// ReadFile reads a file or, for "-", stdin, up to max bytes.
func (e *Env) ReadFile(name string, max int64) ([]byte, error) {
	source := e.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	data, err := io.ReadAll(io.LimitReader(source, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, e.Err("%s: більше за %d байтів", "%s: larger than %d bytes", name, max)
	}
	return data, nil
}

// WriteFile writes a result so that a reader sees the old file or the whole new one, also after a power cut; "-" is stdout.
func (e *Env) WriteFile(name string, data []byte, mode os.FileMode) error {
	if name == "-" {
		_, err := e.Stdout.Write(data)
		return err
	}
	return WriteAtomic(name, data, mode)
}

// WriteAtomic writes beside the target, flushes, renames, and flushes the folder.
func WriteAtomic(name string, data []byte, mode os.FileMode) error {
	return WriteStream(name, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Run executes the root command and gives the program's exit code.
func (e *Env) Run(root *cobra.Command, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.InitDefaultHelpFlag() // before parsing, or --help would take the next argument for its value
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	e.speak(root)
	root.SetIn(e.Stdin)
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &UsageError{fmt.Sprintf("%s: %v", c.CommandPath(), err)}
	})
	command, err := root.ExecuteC()
	if err == nil {
		return e.onlyHelp(command)
	}
	var exit *Exit
	if errors.As(err, &exit) {
		return exit.Code
	}
	fmt.Fprintf(e.Stderr, "%s: %v\n", e.Program, err)
	var hinted *Hinted
	if errors.As(err, &hinted) && hinted.Hint != "" {
		fmt.Fprintf(e.Stderr, "%s: hint: %s\n", e.Program, hinted.Hint)
	}
	var usage *UsageError
	var undecided *Undecided
	switch {
	case errors.As(err, &usage), isCobraUsage(err):
		return ExitUsage
	case errors.As(err, &undecided):
		return ExitCannotConfirm
	}
	return ExitRefuse
}

// usageWords are the words of the library's help in Ukrainian.
var usageWords = strings.NewReplacer("Usage:", "Виклик:", "Aliases:", "Інші назви:", "Examples:", "Приклади:", "Available Commands:", "Команди:",
	"Additional Commands:", "Інші команди:", "Global Flags:", "Спільні прапорці:", "Flags:", "Прапорці:", "Additional help topics:", "Інші довідки:",
	`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `Про одну команду: {{.CommandPath}} КОМАНДА --help`)

// speak leaves one language in the help of commands, which is written «українською / in English»; flags keep both.
func (e *Env) speak(root *cobra.Command) {
	one := func(text string) string {
		uk, en, both := strings.Cut(text, " / ")
		if !both {
			return text
		}
		return e.T(uk, en)
	}
	if e.Lang != "en" {
		root.SetUsageTemplate(usageWords.Replace(root.UsageTemplate()))
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.Short = one(c.Short)
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = e.T("довідка", "help")
		for _, sub := range c.Commands() {
			switch {
			case c == root && sub.Name() == "help":
				sub.Short = "довідка про команду / help about a command"
			case c == root && sub.Name() == "completion":
				sub.Short = "доповнення команд для оболонки / shell completion"
			}
			walk(sub)
		}
	}
	walk(root)
}

// onlyHelp is the exit code of a command line that the library thinks went well. A group of commands without one of its own,
// or with one that it does not have, did nothing but print help: that is no acceptance.
func (e *Env) onlyHelp(c *cobra.Command) int {
	if asked, err := c.Flags().GetBool("help"); c.Runnable() || err == nil && asked {
		return ExitAccept
	}
	where := ""
	if c.HasParent() {
		where = c.CommandPath() + ": "
	}
	if args := c.Flags().Args(); len(args) > 0 {
		fmt.Fprintf(e.Stderr, "%s: %s%s\n", e.Program, where, e.T("немає команди %q", "no command %q", args[0]))
	} else {
		fmt.Fprintf(e.Stderr, "%s: %s%s\n", e.Program, where, e.T("назвіть команду", "name a command"))
	}
	return ExitUsage
}

// isCobraUsage knows the library's own complaints about a command line, which have no type.
func isCobraUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "required flag", "accepts ", "requires at least", "requires at most", "if any flags in the group", "at least one of the flags", "invalid argument"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
