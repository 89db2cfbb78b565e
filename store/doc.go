// Package store keeps one issuing body's state in one SQLite file: the register of people and
// entitlements, intents, IDs, tokens, status indices, code numbers, the outbox and the audit chain.
//
// It decides how state becomes durable and nothing else: which state may follow which is decided by
// package issuer, whose Store interface this package satisfies.
// Every write is one transaction on one connection, in WAL mode with synchronous=FULL: when Update
// returns nil the change has reached the disk. The first I/O error or full disk stops the store; it
// answers ErrStopped until the file is opened again, because after a failed fsync nothing that is
// still in memory can be trusted. docs/spec/issuing.md, Section 6.
package store
