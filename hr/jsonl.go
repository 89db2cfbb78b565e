package hr

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonRow reads one line of JSON lines: one flat object whose keys are field names or headers and whose values are strings,
// numbers, booleans or null. Every failure leaves the keys read before it in place.
func jsonRow(line []byte, m *Mapping) (cells [numFields]cell, keys [numFields]string, unknown []string, codes []Code) {
	if !utf8.Valid(line) {
		return cells, keys, nil, []Code{BadText}
	}
	bad := func() ([numFields]cell, [numFields]string, []string, []Code) {
		return cells, keys, unknown, append(codes, BadJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return bad()
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok || len(seen) >= MaxColumns {
			return bad()
		}
		v, err := dec.Token()
		if err != nil {
			return bad()
		}
		var c cell
		switch v := v.(type) {
		case string:
			c.s = v
		case json.Number:
			c.s = v.String()
			c.mangled = strings.ContainsAny(c.s, ".eE") || len(c.s) > 15
		case bool:
			c.s = map[bool]string{true: "true", false: "false"}[v]
		case nil:
		default:
			return bad()
		}
		if len(c.s) > MaxCellBytes {
			c = cell{long: true}
		}
		f, known := m.field(key)
		if !known {
			unknown = append(unknown, key)
		}
		switch {
		case seen[key] || known && keys[f] != "":
			codes = append(codes, DuplicateKey)
		case known:
			cells[f], keys[f] = c, key
		}
		seen[key] = true
	}
	if _, err := dec.Token(); err != nil {
		return bad()
	}
	if len(bytes.TrimSpace(line[dec.InputOffset():])) > 0 {
		return bad()
	}
	return cells, keys, unknown, codes
}

// jsonPairs reads a flat object of strings, numbers and booleans in order.
func jsonPairs(line []byte, add func(k, v string)) bool {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return false
		}
		v, err := dec.Token()
		if err != nil {
			return false
		}
		key, _ := k.(string)
		switch v := v.(type) {
		case string:
			add(key, v)
		case json.Number:
			add(key, v.String())
		case bool:
			add(key, map[bool]string{true: "true", false: "false"}[v])
		default:
			return false
		}
	}
	_, err := dec.Token()
	return err == nil && len(bytes.TrimSpace(line[dec.InputOffset():])) == 0
}
