// Package trust decides what a verifier may rely on: which root, which bundle, which issuer keys for which bodies,
// and what the bodies' own status lists and code tables say.
//
// A Bundle is one file, opened with Open under a pinned root fingerprint. Its large sections are pinned by hash and
// opened when they are first needed; a section that fails is a named error, never an absent answer. Memory.Accept
// is the rule against rollback. Register is the trust operator's side: it admits, ends and carries, and builds
// bundles that it opens itself before it hands them out.
//
// The package reads no clock, no files and no network. It leaves the verdict to package verifier and the two slots
// on disk to package checkpoint. docs/spec/trust.md and docs/spec/lists.md state the formats and number the rules.
package trust
