package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
)

// SlipSheet says for whom slips are printed. With an Origin and a Root each slip carries a QR code that opens the wallet page of
// the service with everything the enrolment needs (docs/spec/wallet-page.md, Section 2).
type SlipSheet struct {
	Body   string            // name of the body
	EDRPOU string            // of the body
	Origin string            // of the service, "https://id.example.gov.ua"; empty: no QR code
	Root   trust.Fingerprint // what the wallet pins; zero: no QR code
}

// ErrSlipSheet reports a sheet with which no QR code can be made.
var ErrSlipSheet = errors.New("issuer: slip sheet")

// SlipLink is the text of a slip's QR code: the wallet page, and behind # what a browser sends to nobody.
//
//	‹origin›/wallet/#slip=‹ЄДРПОУ›.‹number of the slip›.‹code, 16 characters›.‹fingerprint, 52 characters›
//
// It holds the enrolment code: it is for the paper only. Error: ErrSlipSheet.
func (p SlipSheet) SlipLink(s *Slip) (string, error) {
	if err := p.Check(); err != nil {
		return "", err
	}
	if s == nil || s.Number <= 0 {
		return "", fmt.Errorf("%w: want a slip with a number", ErrSlipSheet)
	}
	code, err := credential.NormaliseCode(s.code)
	if err != nil {
		return "", fmt.Errorf("%w: slip without a code", ErrSlipSheet)
	}
	return fmt.Sprintf("%s/wallet/#slip=%s.%d.%s.%s", p.Origin, p.EDRPOU, s.Number, code, strings.ReplaceAll(p.Root.String(), " ", "")), nil
}

// Check tells whether links can be made with the sheet. Error: ErrSlipSheet.
func (p SlipSheet) Check() error {
	u, err := url.Parse(p.Origin)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Scheme+"://"+u.Host != p.Origin:
		return fmt.Errorf("%w: origin: want scheme://host[:port]", ErrSlipSheet)
	case checkEDRPOU(p.EDRPOU) != nil:
		return fmt.Errorf("%w: want a ЄДРПОУ of 8 digits", ErrSlipSheet)
	case p.Root.IsZero():
		return fmt.Errorf("%w: want the fingerprint of a root", ErrSlipSheet)
	}
	return nil
}

// symbol is the QR code of a slip as SVG; empty for a sheet without an origin or a root.
func (p SlipSheet) symbol(s *Slip) (template.HTML, error) {
	if p.Origin == "" || p.Root.IsZero() {
		return "", nil
	}
	link, err := p.SlipLink(s)
	if err != nil {
		return "", err
	}
	symbol, err := qr.EncodeLink(link)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSlipSheet, err)
	}
	var drawn bytes.Buffer
	if err := symbol.SVG(&drawn); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSlipSheet, err)
	}
	return template.HTML(drawn.String()), nil // drawn by package qr: numbers and its own tags
}
