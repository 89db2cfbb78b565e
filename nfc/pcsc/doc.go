// Package pcsc gives cards on PC/SC readers: it lists readers, waits for a card and opens it for one read.
//
// Everything about cards is in package nfc; this package knows readers and what goes wrong with them. Each failure is an
// [*Error] with a [Trouble] that package locale explains: the cause and what to do. The reader itself is reached through
// the system's PC/SC service, which needs the build tag pcsc, and cgo except on Windows. Without them every call gives
// [NotBuilt].
//
// A call into the service can block for ever: a card that stalls, another program that keeps its transaction. No function here
// waits for such a call beyond its time: it is left behind and cleaned up when it comes back.
package pcsc
