// Package watch is the screen of a checkpoint: waiting, reading, verdict.
//
// It decides nothing about a service ID. Readings come from cameras and hand scanners, package checkpoint judges them, and
// the screen shows the verdict: docs/spec/watch.md says how, and what the screen may never do. What is shown follows from
// Verdict.Outcome through one function, verifier.Verdict.Shown; anything unexpected, a panic included, shows as cannot-confirm.
//
// Nothing personal outlives a verdict: when it leaves the screen, the name, the photo and the text of the code go with it.
package watch
