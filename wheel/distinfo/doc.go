// Package distinfo reads the files of a .dist-info folder, in a wheel or
// installed: METADATA (core metadata), WHEEL, RECORD and entry_points.txt.
//
// It takes bytes, which the caller has bounded by MaxFile, and opens nothing. It
// reads what Python's own readers read, and refuses what they disagree on. Check
// reports which dependencies of a set of distributions are not met.
package distinfo

// MaxFile is the largest METADATA, WHEEL or entry_points.txt that a caller should
// read. A METADATA holds the project's long description; real ones stay below 1 MiB.
const MaxFile = 8 << 20

// MaxRecord is the largest RECORD that a caller should read: 100,000 rows of 300 bytes.
const MaxRecord = 32 << 20
