// Package table holds the packages of an index in a compact form, a few hundred bytes a package. A Cache stores the
// form as it is, so a cached index needs no parsing before it is solved with.
//
// The fields that the solver reads have a fixed place in a package's record. All others are details: one text for each
// letter of the table's form. They are compressed, since callers read them for few packages only.
package table

import (
	"crypto/sha1"
	"encoding/binary"
)

// A Table is the packages of an index. Strings are numbered and stored once; 0 is "". All numbers are little-endian, so
// the parts are written and read as they are.
type Table struct {
	form         string // the letter of each detail
	text         []byte // all strings, one after the other
	ends         []byte // by string, 4 bytes: where it ends in text
	buckets      []byte // by string, 2 bytes: apk's bucket if the string is the name of a package or provided, see Bucket
	records      []byte // by package, recordSize bytes
	dependencies []byte // 8 bytes each: what packages depend on, provide and have in install_if
	detailEnds   []byte // by detailChunk packages, 4 bytes: where their details end
	details      []byte // compressed with s2
	names        int    // how many strings are names
}

const (
	dependencySize = 8
	notAName       = 0xffff // in Table.buckets

	// maxStrings leaves 8 bits next to a string's number; Alpine's largest index has some 200,000.
	maxStrings = 1 << 24
)

// Row is a package as Builder.Add takes it.
type Row struct {
	Name, Version, Arch          string
	Refused                      string // why apk would never install it; mostly ""
	TooNew                       string // why apk-tools 3 would not install it; apk-tools 2 does
	InstalledSize, Priority      int64
	Checksum                     [sha1.Size]byte
	Depends, Provides, InstallIf []Dependency
	Details                      []string // one for each letter of the table's form
}

// Dependency is one entry of a list. Op has at most 7 bits.
type Dependency struct {
	Name, Version string
	Op            uint8
	Conflict      bool
}

// Strings returns the number of strings, Len that of packages, and Names how many of the strings are names.
func (t *Table) Strings() int { return len(t.ends) / 4 }
func (t *Table) Len() int     { return len(t.records) / recordSize }
func (t *Table) Names() int   { return t.names }

// String returns a copy of the string with this number.
func (t *Table) String(n uint32) string { return string(t.bytes(n)) }

// Is reports whether the string with this number is s.
func (t *Table) Is(n uint32, s string) bool { return string(t.bytes(n)) == s }

func (t *Table) bytes(n uint32) []byte {
	if n == 0 {
		return nil
	}
	return t.text[le32(t.ends, n-1):le32(t.ends, n)]
}

// Texts are all strings of a table, copied at once. That is cheaper than Table.String for many of them.
type Texts struct {
	all  string
	ends []byte
}

// Texts copies the strings.
func (t *Table) Texts() Texts { return Texts{string(t.text), t.ends} }

// String returns the string with this number.
func (x *Texts) String(n uint32) string {
	if n == 0 {
		return ""
	}
	return x.all[le32(x.ends, n-1):le32(x.ends, n)]
}

// Bucket returns the bucket in apk's table of names of the name with this number.
func (t *Table) Bucket(n uint32) uint32 {
	return uint32(binary.LittleEndian.Uint16(t.buckets[2*int(n):]))
}

// Record returns the fixed part of package i.
func (t *Table) Record(i int) Record { return Record(t.records[i*recordSize : (i+1)*recordSize]) }

// Lists returns where the lists of package i begin and end in the table's dependencies. They follow each other:
// depends, provides, install_if.
func (t *Table) Lists(i int) (first, depends, provides, end uint32) {
	if i > 0 {
		_, _, first = t.Record(i - 1).listEnds()
	}
	depends, provides, end = t.Record(i).listEnds()
	return first, depends, provides, end
}

// Dependency returns dependency i of the table: the numbers of two strings, the operator, and whether it is a conflict.
func (t *Table) Dependency(i uint32) (name, version uint32, op uint8, conflict bool) {
	name, packed := le32(t.dependencies, 2*i), le32(t.dependencies, 2*i+1)
	return name, packed >> 8, uint8(packed) &^ packedConflict, packed&packedConflict != 0
}

const packedConflict = 1 << 7

// le32 returns the i-th number of 4 bytes.
func le32(b []byte, i uint32) uint32 { return binary.LittleEndian.Uint32(b[4*int(i):]) }

// A Record is the fixed part of one package: numbers of strings, other numbers, and where its lists of dependencies
// end.
type Record []byte

const (
	recordTexts   = 5
	recordNumbers = 2
	recordLists   = 3

	numbersOffset  = recordTexts * 4
	listsOffset    = numbersOffset + recordNumbers*8
	checksumOffset = listsOffset + recordLists*4
	recordSize     = checksumOffset + sha1.Size
	endsOffset     = checksumOffset - 4 // of the end that listEnds returns
)

// Name and the four methods after it return numbers of strings, see Row.
func (r Record) Name() uint32    { return le32(r, 0) }
func (r Record) Version() uint32 { return le32(r, 1) }
func (r Record) Arch() uint32    { return le32(r, 2) }
func (r Record) Refused() uint32 { return le32(r, 3) }
func (r Record) TooNew() uint32  { return le32(r, 4) }

// InstalledSize, Priority and Checksum return the values of Row.
func (r Record) InstalledSize() int64 { return int64(binary.LittleEndian.Uint64(r[numbersOffset:])) }
func (r Record) Priority() int        { return int(int64(binary.LittleEndian.Uint64(r[numbersOffset+8:]))) }
func (r Record) Checksum() [sha1.Size]byte {
	return [sha1.Size]byte(r[checksumOffset:])
}

func (r Record) listEnds() (depends, provides, end uint32) {
	const at = listsOffset / 4
	return le32(r, at), le32(r, at+1), le32(r, at+2)
}
