// Package checkpoint keeps on disk what a verifier has to remember between two codes: the pinned root, the trust
// bundle, what was installed before, the clock floor, codes already read, its own open challenges and its own keys.
//
// It decides what may replace what, with the rule of trust.Memory, and leaves the verdict to package verifier.
// Everything that would let an old bundle or an old clock back in stands in two slots, each written to a temporary
// file, flushed, renamed into place and its folder flushed. A device that has lost what it once had never accepts:
// it cannot confirm. docs/spec/checkpoint.md states the files and the rules. No network, no database.
//
// It also makes and opens photo packs (docs/spec/photos.md) and keeps the journal (docs/spec/journal.md). Neither decides
// anything, and no fault of theirs stops a verdict.
package checkpoint
