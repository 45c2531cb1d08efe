package table

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/klauspost/compress/s2"
)

// A Builder makes a table, package by package.
type Builder struct {
	t       Table
	ids     map[string]uint32
	pending []byte // details that are not compressed yet
}

// NewBuilder returns a builder of a table whose details have these letters.
func NewBuilder(form string) *Builder {
	b := &Builder{t: Table{form: form}, ids: make(map[string]uint32)}
	b.number("")
	return b
}

// number returns a string's number.
func (b *Builder) number(s string) uint32 {
	id, known := b.ids[s]
	if !known {
		id = uint32(len(b.ids))
		b.ids[strings.Clone(s)] = id // s is often a small part of a text that should not stay in memory
		b.t.text = append(b.t.text, s...)
		b.t.ends = binary.LittleEndian.AppendUint32(b.t.ends, uint32(len(b.t.text)))
		b.t.buckets = binary.LittleEndian.AppendUint16(b.t.buckets, notAName)
	}
	return id
}

// name is number for strings that the solver looks up.
func (b *Builder) name(s string) uint32 {
	id := b.number(s)
	if bucket := b.t.buckets[2*id:]; binary.LittleEndian.Uint16(bucket) == notAName {
		binary.LittleEndian.PutUint16(bucket, uint16(Bucket(s)))
		b.t.names++
	}
	return id
}

// Add adds a package. It returns an error if the table would have too many strings.
func (b *Builder) Add(row *Row) error {
	r := make([]byte, 0, recordSize)
	for _, n := range []uint32{b.name(row.Name), b.number(row.Version), b.number(row.Arch), b.number(row.Refused), b.number(row.TooNew)} {
		r = binary.LittleEndian.AppendUint32(r, n)
	}
	for _, n := range []int64{row.InstalledSize, row.Priority} {
		r = binary.LittleEndian.AppendUint64(r, uint64(n))
	}
	for _, list := range [][]Dependency{row.Depends, row.Provides, row.InstallIf} {
		b.addDependencies(list)
		r = binary.LittleEndian.AppendUint32(r, uint32(len(b.t.dependencies)/dependencySize))
	}
	b.t.records = append(append(b.t.records, r...), row.Checksum[:]...)
	for i := range b.t.form {
		s := row.Details[i]
		b.pending = append(binary.AppendUvarint(b.pending, uint64(len(s))), s...)
	}
	if b.t.Len()%detailChunk == 0 {
		b.flush()
	}
	if len(b.ids) > maxStrings {
		return fmt.Errorf("the index has more than %d different names and versions", maxStrings)
	}
	return nil
}

func (b *Builder) addDependencies(ds []Dependency) {
	for _, d := range ds {
		packed := b.number(d.Version)<<8 | uint32(d.Op)
		if d.Conflict {
			packed |= packedConflict
		}
		b.t.dependencies = binary.LittleEndian.AppendUint32(b.t.dependencies, b.name(d.Name))
		b.t.dependencies = binary.LittleEndian.AppendUint32(b.t.dependencies, packed)
	}
}

// flush compresses the pending details. The fastest compression is enough: most of the gain is half the size.
func (b *Builder) flush() {
	if len(b.pending) > 0 {
		b.t.details = append(b.t.details, s2.Encode(nil, b.pending)...)
		b.t.detailEnds = binary.LittleEndian.AppendUint32(b.t.detailEnds, uint32(len(b.t.details)))
		b.pending = b.pending[:0]
	}
}

// Finish returns the table. Do not use the builder after it.
func (b *Builder) Finish() *Table {
	b.flush()
	return &b.t
}
