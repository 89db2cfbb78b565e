// Package wallet keeps the holder's side of a service ID in a folder: one private key sealed under a passphrase, the
// tokens that bodies issued for it, and the freshness beacon of the newest trust bundle it has seen.
//
// It asks for an ID, takes in what was issued, and makes the text of the code that changes every 30 seconds and of the
// answer to a verifier's question. It decides what may be kept (only a token of its own key, signed by a key that the
// bundle grants) and whom it answers (only a verifier of the bundle). What the guard's device makes of a code is
// package verifier's part, how a text becomes a picture package qr's.
//
// Make and Load keep the same wallet without a folder: the state goes to a function of the caller, and the key lives
// where the caller has it, as in a browser (docs/spec/wallet-page.md).
//
// It reads no clock and no network: the caller passes the time and the opened bundle. docs/spec/wallet.md defines the
// folder.
package wallet
