package trust

import (
	"strconv"
	"strings"
	"time"
)

// uriPrefix begins the name of a status list: urn:posvid:‹ЄДРПОУ›:‹list›.
const uriPrefix = "urn:posvid:"

// StatusURI is the name (claim 2, sub) of a body's status list.
func StatusURI(iss string, list uint16) string {
	return uriPrefix + iss + ":" + strconv.Itoa(int(list))
}

// parseStatusURI accepts exactly what StatusURI writes for a well-formed ЄДРПОУ and a list up to MaxStatusList.
func parseStatusURI(uri string) (iss string, list uint16, err error) {
	rest, ok := strings.CutPrefix(uri, uriPrefix)
	if ok && len(rest) > 9 && rest[8] == ':' && validEDRPOU(rest[:8]) {
		if n, err := strconv.ParseUint(rest[9:], 10, 16); err == nil && n <= MaxStatusList && StatusURI(rest[:8], uint16(n)) == uri {
			return rest[:8], uint16(n), nil
		}
	}
	return "", 0, refuse(ErrList, "status list: sub is not urn:posvid:‹8 digits›:‹0 to %d›", MaxStatusList)
}

// validEDRPOU reports whether s is eight ASCII digits and not all zero. The check digit is not used: codes without a
// valid one exist in the state register.
func validEDRPOU(s string) bool {
	if len(s) != 8 || s == "00000000" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Times on the wire are seconds since 1970-01-01T00:00:00Z, at most the end of year 9999, which every clock here knows.
const maxSeconds = 253402300799

// seconds turns a time into its wire form.
func seconds(t time.Time) (uint64, error) {
	s := t.Unix()
	if s <= 0 || s > maxSeconds {
		return 0, refuse(ErrArgument, "time outside 1970 to 9999")
	}
	return uint64(s), nil
}

// wireTime turns seconds into UTC; zero, which no format uses, and what lies beyond year 9999 is refused.
func wireTime(s uint64) (time.Time, bool) {
	if s == 0 || s > maxSeconds {
		return time.Time{}, false
	}
	return time.Unix(int64(s), 0).UTC(), true
}
