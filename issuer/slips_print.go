package issuer

import (
	"bufio"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
)

// slipView is a slip as people read it.
type slipView struct {
	Number, Name, Position, Unit, Code, Stop, Until, Made string
	Symbol                                                template.HTML // QR code, or empty
}

func viewOf(s *Slip) slipView {
	return slipView{
		Number: fmt.Sprintf("%06d", s.Number), Name: s.Name, Position: s.Position, Unit: s.Unit,
		Code: s.code, Stop: s.stop,
		Until: kyivMinute(s.Expires), Made: hr.DateInKyiv(s.Made).UA(),
	}
}

// kyivMinute is "ДД.ММ.РРРР гг:хх" on the wall in Kyiv.
func kyivMinute(t time.Time) string {
	d := hr.DateInKyiv(t)
	wall := t.Sub(d.Start()) // a day in which the clock is changed shows standard hours; the date is right
	return fmt.Sprintf("%s %02d:%02d", d.UA(), int(wall.Hours()), int(wall.Minutes())%60)
}

// Sentences of a slip, one for the text and the page.
const (
	slipTitle  = "Талон підключення"
	slipHow    = "Введіть код у застосунку на своєму телефоні разом із кодом ЄДРПОУ органу. Код одноразовий; п'ять невдалих спроб його скасовують."
	slipScan   = "Скануйте QR-код телефоном або введіть код у гаманці. Код одноразовий; п'ять невдалих спроб його скасовують."
	slipRoot   = "Відбиток кореня довіри"
	slipUntil  = "Код діє до"
	slipStop   = "Код зупинення"
	slipStopAt = "Загубили телефон? Повідомте цей код кадровику або введіть його на сторінці органу: він лише зупиняє посвідчення і більш нічого. Зберігайте талон окремо від телефона."
	slipKyiv   = "за київським часом"
	slipCode   = "Код підключення"
)

// WriteSlipsText writes the slips as plain text for a printer, one after another with a form feed between them. The
// output holds the codes: it is for the paper only.
func WriteSlipsText(w io.Writer, body string, slips []Slip) error {
	b := bufio.NewWriter(w)
	for i := range slips {
		v := viewOf(&slips[i])
		if i > 0 {
			b.WriteString("\f")
		}
		fmt.Fprintf(b, "%s № %s\n%s\n\n%s\n", slipTitle, v.Number, line(body), line(v.Name))
		for _, s := range []string{v.Position, v.Unit} {
			if s != "" {
				b.WriteString(wrap(line(s), 76) + "\n")
			}
		}
		fmt.Fprintf(b, "\n%s:  %s\n%s: %s (%s)\n%s\n", slipCode, v.Code, slipUntil, v.Until, slipKyiv, wrap(slipHow, 76))
		fmt.Fprintf(b, "\n%s:    %s\n%s\n", slipStop, v.Stop, wrap(slipStopAt, 76))
	}
	return b.Flush()
}

// line drops control characters, so that no name can move the printer's head or a terminal's cursor.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return ' '
		}
		return r
	}, s)
}

func wrap(s string, width int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(s) {
		size := utf8.RuneCountInString(word)
		switch {
		case n == 0:
		case n+1+size > width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += size
	}
	return b.String()
}

var slipPage = template.Must(template.New("slips").Parse(`<!DOCTYPE html>
<html lang="uk">
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}} · {{.Body}}</title>
<style>
@page { size: A4; margin: 12mm; }
body { font: 11pt/1.35 "DejaVu Sans", "Liberation Sans", sans-serif; color: #000; background: #fff; margin: 0; }
article { box-sizing: border-box; height: 88mm; padding: 5mm; border: 0.3mm dashed #666; break-inside: avoid; overflow: hidden; margin-bottom: 2mm; }
article:nth-of-type(3n) { break-after: page; }
h1 { font-size: 12pt; margin: 0; }
h2 { font-size: 13pt; margin: 2mm 0 0.5mm; }
p { margin: 0.5mm 0; }
.post { font-size: 9pt; }
.code { font: bold 17pt "DejaVu Sans Mono", "Liberation Mono", monospace; letter-spacing: 0.5mm; }
.stop { font: bold 11pt "DejaVu Sans Mono", "Liberation Mono", monospace; }
.small { font-size: 8pt; }
hr { border: 0; border-top: 0.2mm solid #999; margin: 2mm 0; }
.symbol { float: right; margin: 0 0 1mm 3mm; }
.symbol svg { display: block; width: 34mm; height: 34mm; }
</style>
</head>
<body>
{{- range .Slips}}
<article>
{{- with .Symbol}}
<div class="symbol">{{.}}</div>
{{- end}}
<h1>{{$.Title}} № {{.Number}}</h1>
<p class="small">{{$.Body}} · {{.Made}}</p>
<h2>{{.Name}}</h2>
<p class="post">{{.Position}}{{if .Unit}}<br>{{.Unit}}{{end}}</p>
<p>{{$.CodeName}}: <span class="code">{{.Code}}</span></p>
<p class="small">{{$.UntilName}} {{.Until}} ({{$.Kyiv}}). {{$.How}}</p>
{{- if $.Root}}
<p class="small">{{$.RootName}}: {{$.Root}}</p>
{{- end}}
<hr>
<p>{{$.StopName}}: <span class="stop">{{.Stop}}</span></p>
<p class="small">{{$.StopHow}}</p>
</article>
{{- end}}
</body>
</html>
`))

// WriteSlipsHTML writes the slips as one page for A4 paper, three on a sheet, in Ukrainian, with nothing loaded from
// anywhere. The output holds the codes: it is for the printer only.
func WriteSlipsHTML(w io.Writer, body string, slips []Slip) error {
	return WriteSlipsPage(w, SlipSheet{Body: body}, slips)
}

// WriteSlipsPage is WriteSlipsHTML with a QR code on each slip and the fingerprint of the root, where the sheet has what they
// need. Error: ErrSlipSheet.
func WriteSlipsPage(w io.Writer, sheet SlipSheet, slips []Slip) error {
	views := make([]slipView, len(slips))
	how, root := slipHow, ""
	for i := range slips {
		views[i] = viewOf(&slips[i])
		symbol, err := sheet.symbol(&slips[i])
		if err != nil {
			return err
		}
		if symbol != "" {
			how, root = slipScan, sheet.Root.String()
		}
		views[i].Symbol = symbol
	}
	err := slipPage.Execute(w, map[string]any{
		"Title": slipTitle, "Body": sheet.Body, "Slips": views, "CodeName": slipCode, "UntilName": slipUntil, "Kyiv": slipKyiv,
		"How": how, "StopName": slipStop, "StopHow": slipStopAt, "RootName": slipRoot, "Root": root,
	})
	if err != nil {
		return fmt.Errorf("issuer: slips: page: %w", err)
	}
	return nil
}
