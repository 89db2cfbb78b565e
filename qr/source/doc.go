// Package source brings what a checkpoint looks at to the reader of codes:
// picture files, pages of PDF documents, standard input, cameras and hand
// scanners.
//
// It gives grey pictures and texts and judges neither: finding codes in a
// picture is qr/detect's, judging a text is verifier's. docs/spec/source.md
// says what is taken and what is refused. Memory is bounded before anything is
// decoded.
package source
