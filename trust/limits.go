package trust

import "time"

// Limits of this package's formats; every decoder checks its own before it allocates (docs/spec/trust.md, Section 9).
const (
	MaxBundle      = 32 << 20 // bytes of a bundle file
	MaxRoots       = 256      // root objects in one bundle
	MaxRootObject  = 128 << 10
	MaxMembers     = 16      // members of a root, and bundle signers of a root
	maxRootsItem   = 4 << 20 // bytes of the first item of the file
	maxManifest    = 4 << 20 // bytes of the second one
	MaxSections    = 16384   // rows of the section table
	maxSectionName = 64      // bytes

	MaxIssuerKeys   = 4096  // entries of section keys
	maxKeysSharing  = 4     // issuer keys with one key id
	MaxRightBodies  = 256   // ЄДРПОУ in one right
	MaxBodies       = 16384 // entries of section bodies
	MaxVerifiers    = 65536 // entries of section verifiers
	maxName         = 512   // bytes of a body's or verifier's name
	maxPhone        = 32    // bytes of a telephone number
	maxBeaconTimes  = 31    // publish times carried with the beacon
	maxTexts        = 256   // entries of section texts
	maxText         = 2048  // bytes of one of them
	maxCertificates = 512   // card roots, and as many CRLs
	maxDER          = 1 << 20
	MaxCarriers     = 600_000 // rows of the carrier table
	maxBodyCarriers = 300_000 // rows of one body in it
	maxRegister     = 192 << 20

	MaxStatusEntries = 1 << 20 // entries of one status list
	MaxStatusList    = 4095    // highest number of a status list
	maxStatusToken   = 2 << 20 // bytes of one signed status list
	maxCodesToken    = 25 << 20
	maxRequest       = 64 << 10
	MaxPublication   = 30 << 20 // bytes of one body's publication
	maxPublished     = 4096     // status lists in it
	maxMemory        = 16 << 20
	maxURI           = 255
)

// Terms that every bundle and status list has.
const (
	// Lifetime is exp − iat of a bundle and of a status list.
	Lifetime = 8 * 24 * time.Hour
	// ClockTolerance is how far a time signed by a body may lie ahead of the bundle or operator clock it is held against.
	ClockTolerance = 120 * time.Second
)
