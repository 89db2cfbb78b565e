//go:build !js || !wasm

// Command posvid-wasm is package verifier for a browser; it is built with GOOS=js GOARCH=wasm only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "posvid-wasm: built for a browser only: GOOS=js GOARCH=wasm go build ./cmd/posvid-wasm")
	os.Exit(2)
}
