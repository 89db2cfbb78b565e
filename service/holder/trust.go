package holder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/trust"
)

// bundleType is the media type of a trust bundle's file.
const bundleType = "application/vnd.posvid.bundle"

// trustCache keeps what is computed once a bundle.
type trustCache struct {
	mu     sync.Mutex
	bundle *trust.Bundle
	tag    string
}

// bundleTag is the entity tag of the installed bundle: its number and a hash of its bytes.
func (c *trustCache) bundleTag(b *trust.Bundle, data []byte) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bundle != b {
		sum := sha256.Sum256(data)
		c.bundle, c.tag = b, `"`+strconv.FormatUint(b.Number(), 10)+"-"+hex.EncodeToString(sum[:12])+`"`
	}
	return c.tag
}

type timeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Time   int64 `json:"time" doc:"seconds since 1970-01-01T00:00:00Z by the clock of the service" example:"1795338000"`
		Millis int64 `json:"time_ms" doc:"the same in milliseconds" example:"1795338000250"`
	}
}

type bundleIn struct {
	IfNoneMatch string `header:"If-None-Match" doc:"entity tags that the caller has; a match is answered 304 without a body"`
}

type bundleOut struct {
	Status        int
	ContentType   string `header:"Content-Type"`
	ContentLength string `header:"Content-Length"`
	ETag          string `header:"ETag"`
	CacheControl  string `header:"Cache-Control"`
	BundleNumber  string `header:"Posvid-Bundle-Number" doc:"number of the bundle"`
	BundleExpires string `header:"Posvid-Bundle-Expires" doc:"end of the bundle, RFC 3339"`
	Body          []byte
}

type bodiesOut struct {
	Body struct {
		Service string       `json:"service" doc:"origin of the service, as signed requests name it" example:"https://id.example.gov.ua"`
		Root    string       `json:"root,omitempty" doc:"fingerprint of the newest root of the installed bundle; a first pin is compared with one that came another way" example:"4N42 I2KH VKGR GPO6 E7YS YSYC LRFS XFTH BTFR SILJ EMKA KSSU SFXQ"`
		Bundle  uint64       `json:"bundle,omitempty" doc:"number of the installed bundle; absent when there is none"`
		Bodies  []bodyFields `json:"bodies"`
	}
}

type bodyFields struct {
	EDRPOU     string `json:"edrpou" doc:"ЄДРПОУ" example:"00032684"`
	Name       string `json:"name"`
	NameEN     string `json:"name_en,omitempty"`
	Phone      string `json:"phone,omitempty" doc:"duty phone"`
	OnlineHost string `json:"online_host" doc:"host of the links of one-time codes" example:"id.example.gov.ua"`
}

func (p *part) mountTrust() {
	// Public: the clock of the service is no secret, and a phone whose own is wrong cannot sign anything yet.
	service.Operation(p.s, service.Access{Public: true}, api("get-time", http.MethodGet, "/api/v1/time", "Time of the service",
		"A phone measures how far its clock is off: it takes the middle of the time that the question took."),
		func(context.Context, *struct{}) (*timeOut, error) {
			out := &timeOut{CacheControl: "no-store"}
			at := p.s.Now()
			out.Body.Time, out.Body.Millis = at.Unix(), at.UnixMilli()
			return out, nil
		})
	// Public: everybody may verify. The bundle is signed; whoever changes it on the way can only withhold it.
	service.Operation(p.s, service.Access{Public: true}, api("get-bundle", http.MethodGet, "/api/v1/bundle", "Trust bundle",
		"The installed trust bundle as one file (docs/spec/trust.md). Ask with If-None-Match: the same one is not sent again.", http.StatusServiceUnavailable), p.bundleFile)
	// Public: names of bodies stand in every bundle too.
	service.Operation(p.s, service.Access{Public: true}, api("list-bodies", http.MethodGet, "/api/v1/bodies", "Bodies of this service",
		"Who issues service IDs here, and the root under which their IDs are verified."), p.listBodies)
}

func (p *part) bundleFile(_ context.Context, in *bundleIn) (*bundleOut, error) {
	b, data, err := p.s.Trust.Bundle()
	if err != nil {
		return nil, service.BundleMissing.Because(err)
	}
	out := &bundleOut{Status: http.StatusOK, ContentType: bundleType, ETag: p.bundleTag(b, data), CacheControl: "public, no-cache",
		BundleNumber: strconv.FormatUint(b.Number(), 10), BundleExpires: b.ExpiresAt().UTC().Format(time.RFC3339), Body: data, ContentLength: strconv.Itoa(len(data))}
	if tagMatches(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body, out.ContentLength = http.StatusNotModified, nil, ""
	}
	return out, nil
}

// tagMatches is the weak comparison of If-None-Match (RFC 9110, Section 13.1.2).
func tagMatches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

func (p *part) listBodies(context.Context, *struct{}) (*bodiesOut, error) {
	out := &bodiesOut{}
	out.Body.Service = p.s.Origin
	if b, _, err := p.s.Trust.Bundle(); err == nil {
		out.Body.Root, out.Body.Bundle = b.RootFingerprint().String(), b.Number()
	}
	for _, b := range p.s.Bodies {
		out.Body.Bodies = append(out.Body.Bodies, bodyFields{b.EDRPOU, b.Name, b.NameEN, b.Phone, b.Online.Host()})
	}
	return out, nil
}
