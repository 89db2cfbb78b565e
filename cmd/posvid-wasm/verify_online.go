package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/posvid/posvid/locale"
)

// onlineLink is the path of a one-time code's link (docs/spec/online.md, Section 1).
var onlineLink = regexp.MustCompile(`^/documents/[a-z]+(-[a-z]+)*/[0-9a-f]{32}/verify/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// onlineCode is the one-time code that a text is: a link, or thirteen digits with their check digit; "" for any other text. Nothing
// is opened: the link only goes to the own service as a text.
func onlineCode(text string) string {
	if len(text) > 512 {
		return ""
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "https://") {
		u, err := url.Parse(text)
		if err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" && onlineLink.MatchString(u.Path) {
			return text
		}
		return ""
	}
	digits := strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "-", "").Replace(text)
	if len(digits) != 13 || digits[0] == '0' {
		return ""
	}
	sum := 0
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return ""
		}
		sum += int(digits[i]-'0') * (1 + 2*(i%2))
	}
	if sum%10 != 0 {
		return ""
	}
	return digits
}

// takeOnline puts a one-time code aside for the page to ask the service about; false when none of the texts is one, or when one is a
// code of ours, which decides by itself.
func (s *screen) takeOnline(texts []string, network bool, now time.Time) bool {
	for _, text := range texts {
		code := onlineCode(text)
		if code == "" {
			continue
		}
		if !network {
			s.say(s.t("це одноразовий код: без мережі його не перевірити. Попросіть код, що оновлюється", "this is a one-time code: it cannot be checked without the network. Ask for the rotating code"), now)
			return true
		}
		s.leave()
		s.onlineNumber++
		s.online = code
		return true
	}
	return false
}

// onlineAnswer is what the service answers about a one-time code, as far as the page shows it.
type onlineAnswer struct {
	Valid  bool      `json:"valid"`
	Code   string    `json:"code"`
	Text   string    `json:"text"`
	AsOf   time.Time `json:"as_of"`
	Holder *struct {
		Number   string `json:"number"`
		Name     string `json:"name"`
		Position string `json:"position"`
		Unit     string `json:"unit"`
		Body     string `json:"body"`
		Portrait []byte `json:"portrait"`
	} `json:"holder"`
}

// jsonOnline is the service's word about a one-time code. It is no verdict of this device and never looks like one.
type jsonOnline struct {
	Valid    bool     `json:"valid"`
	Word     string   `json:"word"`
	Text     string   `json:"text"`
	Lines    []string `json:"lines"`
	Portrait string   `json:"portrait"` // JPEG in base64; "" when the service gave none
}

// onlineWords puts an answer of the service into words. What is not that answer is no yes.
func (s *screen) onlineWords(data []byte) *jsonOnline {
	var a onlineAnswer
	out := &jsonOnline{Word: s.t("Служба НЕ підтвердила одноразовий код", "The service did NOT confirm the one-time code"), Lines: []string{}}
	if len(data) > 1<<20 || json.Unmarshal(data, &a) != nil || a.Code == "" {
		out.Text = s.t("Служба відповіла незрозуміло або не відповіла. Попросіть код, що оновлюється.", "The service's answer makes no sense, or there was none. Ask for the rotating code.")
		return out
	}
	out.Text = clean(a.Text)
	if !a.Valid || a.Code != "ok" {
		return out
	}
	out.Valid, out.Word = true, s.t("Служба органу підтвердила одноразовий код", "The body's service confirmed the one-time code")
	line := func(text string) {
		if text = clean(text); text != "" {
			out.Lines = append(out.Lines, text)
		}
	}
	if h := a.Holder; h != nil {
		line(h.Name)
		line(h.Position)
		line(h.Unit)
		line(h.Body)
		if h.Number != "" {
			line("№ " + h.Number)
		}
		if len(h.Portrait) > 3 && len(h.Portrait) <= 64<<10 && h.Portrait[0] == 0xff && h.Portrait[1] == 0xd8 {
			out.Portrait = base64.StdEncoding.EncodeToString(h.Portrait)
		}
	}
	if !a.AsOf.IsZero() {
		line(locale.Label(s.lang, "status-as-of") + " " + locale.Moment(s.lang, a.AsOf))
	}
	line(s.t("Так відповіла служба в мережі; підписів цей пристрій не перевіряв.", "So says the service on the network; this device has checked no signatures."))
	return out
}
