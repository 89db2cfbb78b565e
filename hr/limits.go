package hr

// Limits on what a decoder takes, checked before it allocates.
const (
	MaxFileBytes     = 128 << 20 // a snapshot file as it lies on disk
	MaxPartBytes     = 256 << 20 // one inflated part of an XLSX file
	MaxZipEntries    = 1 << 18   // entries of an XLSX file or of a ZIP of photos
	MaxRows          = 200_000   // data rows of a snapshot
	MaxColumns       = 256       // cells of a row
	MaxCellBytes     = 32 << 10  // one cell, in UTF-8
	MaxLineBytes     = 256 << 10 // one line of JSON lines, or one CSV row
	MaxQuotedBreaks  = 3         // line breaks inside one quoted CSV cell; more means a stray quote
	MaxHeaderRows    = 30        // rows searched for the header row
	MaxNameRunes     = 80        // one part of a name
	MaxTextRunes     = 300       // unit, position, body name
	MaxShortRunes    = 64        // staff number, plastic series and number, order number
	MaxMappingBytes  = 256 << 10 // a mapping file
	MaxPlanBytes     = 512 << 20 // a plan file
	MaxPhotoBytes    = 16 << 20  // one source photo
	MaxPhotoPixels   = 25_000_000
	MaxPhotoSide     = 12_000  // pixels
	MaxPhotoOutBytes = 12_000  // the normalised JPEG
	MaxPhotos        = 250_000 // files in a folder or ZIP of photos
	maxXMLDepth      = 64      // nested elements of an XLSX part
	maxSheets        = 256     // sheets of a workbook
)
