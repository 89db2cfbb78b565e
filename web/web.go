// Package web holds what browsers get: the wallet page, the verifier page, the templates of the registrar's pages, and the
// verifier as WebAssembly. It decides nothing; package service serves it.
package web

import "embed"

// Assets has three folders: static (served as they are), templates (html/template), and dist (built by `make wasm`:
// posvid.wasm.gz and wasm_exec.js; a build without it says so on the pages).
//
//go:embed all:static all:templates all:dist
var Assets embed.FS
