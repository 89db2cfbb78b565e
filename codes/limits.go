package codes

// Limits of a code table. A reader checks each before it allocates.
const (
	MaxEntries = 1 << 20  // entries of one kind
	MaxText    = 1024     // bytes of UTF-8 in one name
	MaxTable   = 24 << 20 // bytes of an encoded table
	maxKinds   = 32       // pairs in the outer map, known and unknown
	maxDepth   = 4        // nesting of the content of an unknown kind
)
