package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxJSONDepth is how deep objects and lists of a request may lie in each other.
const maxJSONDepth = 16

func init() {
	// The library's own refusals look like ours, and "CODE" is not "code" to it. These are variables of the package: there is no
	// other way to tell it.
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		q := requestOf(ctx.Context())
		p, fields := ownProblem(status, message, errs)
		q.code = p.Code
		return &apiProblem{p, q.lang, q.id, fields, nil}
	}
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p, fields := ownProblem(status, message, errs)
		return &apiProblem{p, "uk", "", fields, nil}
	}
}

// ownProblem is our problem for a refusal of the library. Values of the request are not repeated: they may be personal data.
func ownProblem(status int, message string, errs []error) (*Problem, []Field) {
	var fields []Field
	for _, err := range errs {
		var tooLarge *http.MaxBytesError
		var detail huma.ErrorDetailer
		switch {
		case errors.As(err, &tooLarge):
			return TooLarge.Because(err), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return TooSlow.Because(err), nil
		case errors.As(err, &detail):
			if d := detail.ErrorDetail(); len(fields) < 16 {
				fields = append(fields, Field{Location: clip(d.Location), Message: clip(d.Message)})
			}
		}
	}
	known := map[int]*Problem{400: BadRequest, 404: NotFound, 405: WrongMethod, 406: NotAcceptable, 408: TooSlow, 413: TooLarge, 415: WrongType, 422: Invalid, 429: Limited}
	if p := known[status]; p != nil {
		return p, fields
	}
	return Internal.Because(fmt.Errorf("service: api: %d %s", status, message)), nil
}

// clip keeps what the library says of a field short and free of what came.
func clip(s string) string {
	if len(s) > 160 {
		s = s[:160]
	}
	return strings.ToValidUTF8(s, "")
}

// strictJSON reads JSON (RFC 8259) as every program reads it: one value, UTF-8, no name twice in an object, not deep.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		if err := checkJSON(data); err != nil {
			return err
		}
		return json.Unmarshal(data, v)
	},
}

// checkJSON refuses what two programs could read differently.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("want UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil in a list
		name  bool            // the next token is a name
	}
	var open []level
	for {
		t, err := d.Token()
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return errors.New("want one JSON value")
		}
		if n := len(open); n > 0 && open[n-1].names != nil && open[n-1].name {
			if name, ok := t.(string); ok {
				if open[n-1].names[name] {
					return errors.New("want each name of an object once")
				}
				open[n-1].names[name] = true
				open[n-1].name = false
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{map[string]bool{}, true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxJSONDepth {
			return fmt.Errorf("want at most %d levels", maxJSONDepth)
		}
		if t != json.Delim('{') && t != json.Delim('[') {
			if n := len(open); n > 0 && open[n-1].names != nil {
				open[n-1].name = true
			}
			if len(open) == 0 {
				break
			}
		}
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("want one JSON value and nothing after it")
	}
	return nil
}

// newAPI makes the part of the service that OpenAPI describes.
func (s *Server) newAPI() {
	config := huma.DefaultConfig("Posvid", "1")
	config.Info.Description = "Electronic service IDs: what wallets, checkpoints and other systems ask. Every error is application/problem+json (RFC 9457) with a code that never changes."
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", ""
	config.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	config.CreateHooks = nil // no $schema in answers, no Link header
	config.RejectUnknownQueryParameters = false
	s.API = humago.New(s.mux, config)
}

// checkKind refuses a body whose type cannot be read: it would be taken for JSON.
func checkKind(ctx huma.Context) error {
	kind := ctx.Header("Content-Type")
	if kind == "" {
		return nil
	}
	if _, _, err := mime.ParseMediaType(kind); err != nil {
		return WrongType.Because(err)
	}
	return nil
}
