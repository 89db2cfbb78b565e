package watch

import (
	"context"
	"image"
	"time"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/verifier"
)

// Words is a short text for people in both languages: the guard may change between them at any time. It is an error too.
type Words struct{ UK, EN string }

// Error gives the English text.
func (w Words) Error() string { return w.EN }

// In gives the text in "uk" or "en".
func (w Words) In(lang string) string {
	if lang == "en" {
		return w.EN
	}
	return w.UK
}

// Question is one code to judge.
type Question struct {
	Text   string         // as it was read
	Unread bool           // nothing could be read: Text is empty
	At     time.Time      // when it was read
	Level  verifier.Level // the least level asked for; may only raise the policy's
	Lang   string         // language of the verdict's next step
}

// Challenge is a challenge to show.
type Challenge struct {
	Text    string    // SIDQ1: and the rest
	Expires time.Time // after it no answer counts
}

// Device is the checkpoint behind the screen. Judge and Health have to be there; what else is nil is a thing that this
// device cannot do, and the text beside it tells why. All of them are called outside the loop of the screen, one at a time
// for each.
type Device struct {
	// Judge decides about a code, and remembers it.
	Judge func(Question) verifier.Verdict
	// Confirm judges an answer once more that Judge has judged, now with the photo that the guard compared. q is the question
	// as Judge had it, at is now.
	Confirm func(q Question, photo verifier.Photo, at time.Time) verifier.Verdict
	// Challenge makes a challenge of this device.
	Challenge   func(at time.Time) (Challenge, error)
	NoChallenge Words
	// Photo gives the picture with a hash: a JPEG, which the screen hashes again before it shows it, and when the pack was made
	// that it came from.
	Photo   func(hash [20]byte) (jpeg []byte, made time.Time, err error)
	NoPhoto Words
	// Journal keeps a verdict. Its error is shown; the verdict stands. While Health says that there is no journal it writes
	// nothing, which is no error.
	Journal   func(Event) error
	NoJournal Words
	// Health tells what stands in the way of any confirmation. It is asked again and again.
	Health func(at time.Time) Health
	// Named tells whether the policy of this checkpoint lets somebody of this name be on duty, and how it spells the name. Nil: anybody
	// may be. It is called in the loop of the screen and answers at once, from what Health has found.
	Named func(name string) (kept string, ok bool)
	// Demo tells, before Health has answered, that the pinned root is the one whose keys everybody has.
	Demo bool
}

// Event is a verdict for the journal.
type Event struct {
	Verdict *verifier.Verdict
	At      time.Time
	Guard   string
	Shift   time.Time // when the guard came on duty
	Source  string    // name of a Source, or Hand
	Card    bool      // the Source is a card reader
}

// Hand is the source of what a hand scanner typed.
const Hand = "scanner"

// Health is the state of the device, apart from any code.
type Health struct {
	Code    verifier.Code // why nothing can be confirmed; "" when nothing stands in the way
	Args    locale.Args   // of Code
	Demo    bool          // the pinned root is the one whose keys everybody has
	Name    string        // of this device as holders see it; "" when it is not admitted
	Bundle  uint64        // number of the trust bundle; 0 when there is none
	Issued  time.Time     // of the bundle
	Expires time.Time     // of the bundle
	Limit   time.Duration // how old the data may be before nothing is confirmed; 0 when not known
	Photos  time.Time     // of the oldest photo pack; zero when there is none

	NoJournal Words // why there is no journal now; none when it is kept

	Policy    Words // what this checkpoint's own policy asks for; none when it has none
	PolicyOld bool  // its term is over: it is obeyed on
}

// Item is what a source gives: texts that it read at one moment, or a word about itself.
type Item struct {
	Texts  []string                        // codes of one frame
	Seen   bool                            // something like a code stands before the camera, and could not be read yet
	Advice Words                           // with Seen: what would help
	Judge  func(Question) verifier.Verdict // a card that was read: it brings its own decision, on Question's time, level and language
	Up     bool                            // the source works
	Err    error                           // the source does not work: the screen says so; it goes on by itself
	Absent bool                            // with Err: it was never there, which is told only while nothing else is on the screen
}

// Source is a camera or a reader. Run gives its items until the context ends. The screen calls it in a goroutine of its own
// and starts it again, after a pause, when it has returned or panicked.
type Source struct {
	Name string // "/dev/video0", as a person knows it
	Card bool   // a card reader
	Run  func(ctx context.Context, give func(Item))
}

// Scanner repairs the text of a hand scanner. The note tells in the reader's language what was repaired; an error tells why
// the text is of no use, and the remedy what to do.
type Scanner func(text, lang string) (repaired, note string, err *ScannerError)

// ScannerError is a fault of the hand scanner, not of a code.
type ScannerError struct{ Cause, Remedy string }

// Error returns the cause.
func (e *ScannerError) Error() string { return "watch: hand scanner: " + e.Cause }

// Config is what the screen is started with.
type Config struct {
	Device  Device
	Sources []Source
	Scanner Scanner
	Now     func() time.Time // the only clock
	Lang    string           // "uk" or "en"
	Guard   string           // "" asks for the name first
	Level   verifier.Level   // the least level asked for
	Sound   bool
	NoColor bool // no colours, whatever the terminal can do
	Blocks  bool // the terminal's font has no braille (the Linux console): photos without colours are drawn in blocks
}

// picture is a decoded portrait.
type picture struct {
	jpeg []byte
	img  *image.RGBA
	hash [20]byte
	made time.Time // of the pack that it came from
}
