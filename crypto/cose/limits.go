package cose

// Limits bounds what Check accepts. A zero field means the package default, so the zero value is safe.
type Limits struct {
	Bytes  int // longest input, in bytes
	Depth  int // deepest nesting: each array, map and tag counts one
	Items  int // most elements of one array, or pairs of one map
	String int // longest byte or text string, in bytes
}

// Defaults of Limits. They fit every token and request; bundles and lists pass their own.
const (
	DefaultBytes  = 64 << 10
	DefaultDepth  = 8
	DefaultItems  = 256
	DefaultString = 64 << 10
)

// maxDepth bounds Limits.Depth itself: the scan recurses once a level.
const maxDepth = 32

// maxKeyID is the longest kid (label 4) that is read, in bytes: a SHA-256 thumbprint.
const maxKeyID = 32

// maxMediaType is the longest text of typ (label 16) that is read, in bytes.
const maxMediaType = 127

// maxSignatures is the most signatures of one COSE_Sign: sixteen members that sign with two algorithms each.
const maxSignatures = 32

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Depth > maxDepth {
		l.Depth = maxDepth
	}
	if l.Items <= 0 {
		l.Items = DefaultItems
	}
	if l.String <= 0 {
		l.String = DefaultString
	}
	return l
}
