package table

import (
	"encoding/binary"
	"errors"
)

// counts are the numbers at the start of an encoded table: the length of its form, and the numbers of strings, packages,
// dependencies, bytes of details and bytes of text.
const counts = 6

var errUnsound = errors.New("the table is damaged, or has other details")

// Append appends the table to b. It begins with the form, so that Decode refuses a table with other details.
func (t *Table) Append(b []byte) []byte {
	for _, n := range []int{len(t.form), t.Strings(), t.Len(), len(t.dependencies) / dependencySize, len(t.details), len(t.text)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	b = append(b, t.form...)
	for _, p := range [][]byte{t.ends, t.buckets, t.records, t.dependencies, t.detailEnds, t.details, t.text} {
		b = append(b, p...)
	}
	return b
}

// Size returns how many bytes Append appends.
func (t *Table) Size() int {
	return 4*counts + len(t.form) + len(t.ends) + len(t.buckets) + len(t.records) + len(t.dependencies) + len(t.detailEnds) + len(t.details) + len(t.text)
}

// Decode reads a table that Append wrote. The table must have the details of form. The result goes on using parts of b.
// Even for damaged input, the result can be used without a panic.
func Decode(b []byte, form string) (*Table, error) {
	if len(b) < 4*counts {
		return nil, errUnsound
	}
	n := func(i uint32) uint64 { return uint64(le32(b, i)) }
	rest, whole := b[4*counts:], true
	part := func(size uint64) (p []byte) {
		if size > uint64(len(rest)) {
			whole = false
			return nil
		}
		p, rest = rest[:size:size], rest[size:]
		return p
	}
	t := &Table{form: string(part(n(0)))}
	t.ends, t.buckets = part(4*n(1)), part(2*n(1))
	t.records = part(recordSize * n(2))
	t.dependencies = part(dependencySize * n(3))
	t.detailEnds = part(4 * ((n(2) + detailChunk - 1) / detailChunk))
	t.details = part(n(4))
	t.text = part(n(5))
	if !whole || len(rest) > 0 || t.form != form || !t.sound() {
		return nil, errUnsound
	}
	return t, nil
}

// sound reports whether all numbers of the table point into it. It also counts the names.
func (t *Table) sound() bool {
	if !ascend(t.ends, 4, 0, uint32(len(t.text))) || !ascend(t.detailEnds, 4, 0, uint32(len(t.details))) ||
		!ascend(t.records, recordSize, endsOffset, uint32(len(t.dependencies)/dependencySize)) {
		return false
	}
	t.names = 0
	for b := t.buckets; len(b) > 0; b = b[2:] {
		if bucket := binary.LittleEndian.Uint16(b); bucket < Buckets {
			t.names++
		} else if bucket != notAName {
			return false
		}
	}
	return t.recordsSound() && t.dependenciesSound()
}

// ascend reports whether the numbers at an offset of each element never decrease, and end at end.
func ascend(b []byte, size, offset int, end uint32) bool {
	last := uint32(0)
	for ; len(b) > 0; b = b[size:] {
		next := binary.LittleEndian.Uint32(b[offset:])
		if next < last {
			return false
		}
		last = next
	}
	return last == end
}

func (t *Table) recordsSound() bool {
	first, strings := uint32(0), uint32(t.Strings())
	for i := range t.Len() {
		r := t.Record(i)
		depends, provides, end := r.listEnds()
		if first > depends || depends > provides || provides > end || !t.isName(r.Name()) ||
			r.Version() >= strings || r.Arch() >= strings || r.Refused() >= strings || r.TooNew() >= strings {
			return false
		}
		first = end
	}
	return true
}

func (t *Table) dependenciesSound() bool {
	strings := uint32(t.Strings())
	for b := t.dependencies; len(b) > 0; b = b[dependencySize:] {
		if !t.isName(binary.LittleEndian.Uint32(b)) || binary.LittleEndian.Uint32(b[4:])>>8 >= strings {
			return false
		}
	}
	return true
}

func (t *Table) isName(n uint32) bool {
	return int(n) < t.Strings() && t.Bucket(n) != notAName
}
