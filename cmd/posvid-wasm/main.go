//go:build js && wasm

// Command posvid-wasm is what pages need of Posvid in a browser: it sets the functions below in the global scope, and waits.
// It touches no network; storage and keys are the page's, and are used through objects that the page passes in.
//
// The verifier (docs/spec/verification.md, docs/spec/verifier-page.md): posvidVerify and posvidBundle in verify.go,
// posvidOpenDevice in verify_device.go. The wallet's functions stand in the files wallet*.go.
package main

import "syscall/js"

func main() {
	for name, f := range exports {
		js.Global().Set(name, f)
	}
	select {} // the functions are there as soon as Go.run has returned its promise
}
