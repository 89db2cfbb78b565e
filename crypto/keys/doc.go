// Package keys gives every role of the system its own types of keys, so that a key with one role cannot verify or
// sign another role's object: the compiler refuses it.
//
// It holds the public keys of all roles, the private keys of those who stand at a checkpoint or carry an ID (holder
// and verifier), and the sealing of private keys under a passphrase. The private keys of authorities (root, bundle,
// issuer, operator) are in the package authority, which a checkpoint's program never links; what needs one of them
// takes a RootSigner, BundleSigner, IssuerSigner or OperatorSigner, which an HSM can satisfy too.
//
// It decides neither which key is trusted nor what a key may sign. docs/spec/keys.md has the formats.
package keys
