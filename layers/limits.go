package layers

// Limits on foreign bytes. They are well above what real packages and runtimes have, and low enough that a hostile archive
// costs bounded memory and time.
const (
	// maxTarSize bounds what one layer may inflate to: registries take layers of some 10 GB compressed.
	maxTarSize = 64 << 30
	// maxRatio bounds inflation once ratioFrom bytes have come out. Deflate reaches 1032:1 on zeros, real software
	// stays below 20:1.
	maxRatio  = 250
	ratioFrom = 256 << 20
	// maxEntries bounds the members of one archive: a whole distribution's /usr has about 300,000.
	maxEntries = 500_000
	// maxFacts bounds the encoded facts of one layer and with them names, PAX records and kept contents together.
	maxFacts = 96 << 20
	// maxMemory bounds the decoded facts that a store keeps in memory: eight platforms of CPython and their packages
	// take about 20 MB.
	maxMemory = 24 << 20
	// maxFaults is how many faults the facts of one layer list. One is enough for the layer to be transcoded.
	maxFaults = 100
	// maxName and maxComponent are PATH_MAX and NAME_MAX of Linux, in bytes.
	maxName      = 4096
	maxComponent = 255
	// maxOwner is the highest user or group ID: 1<<32 - 1 means "none" to chown(2).
	maxOwner = 1<<32 - 2
	// maxChanged bounds a file whose content is changed; CPython's Makefile has some 200 KiB.
	maxChanged = 1 << 20
	// maxInterpreterLine is how much of a "#!" line Linux looks at (BINPRM_BUF_SIZE).
	maxInterpreterLine = 256
	// elfBuffer is how much of an ELF file is held in memory; the rest goes into a temporary file. Each goroutine that reads a layer
	// needs such a buffer, and to take so much new memory from the system can cost more than to write and read a file.
	elfBuffer = 1 << 20
	// maxELFFile bounds the ELF files that the store reads; larger ones are listed as not understood.
	maxELFFile = 4 << 30
	// maxRecord bounds a record.
	maxRecord = 64 << 20
)

const (
	// chunk is the size of the buffers that bytes pass through. Reading and writing files costs the kernel a fifth of the
	// whole at 64 KiB, and next to nothing at 512 KiB.
	chunk = 512 << 10
	// plainChunk is the size of the buffers of inflated bytes, which no system call fills: they should
	// stay in the processor's cache.
	plainChunk = 64 << 10
)
