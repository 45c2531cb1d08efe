package apk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The compact form of an index, as a Cache keeps it: magic, CRC-32C of what follows, the head,
// then the parts of its table as they are. Its version is part of the magic: a form of another
// one is not used, and made anew.
const (
	compactMagic = "pyimgX02"
	compactStart = len(compactMagic) + 4
	compactHead  = 2*sha256.Size + 8 + 7*4
)

// compactIndex is an index with what speaks for it.
type compactIndex struct {
	*Index
	source [sha256.Size]byte // SHA-256 of the APKINDEX.tar.gz
	signer [sha256.Size]byte // fingerprint of the one key that signed it; zero where nobody asked
	made   int64             // when, as the index itself says: seconds since 1970
}

var errCompact = errors.New("the compact form of the index is damaged, or of another version or index")

func (x compactIndex) encode() []byte {
	t := &x.table
	arch, description := []byte(x.Arch), []byte(x.Description)
	parts := [][]byte{arch, description, t.ends, t.buckets, t.records, t.dependencies, t.detailEnds, t.details, []byte(t.text)}
	size := compactStart + compactHead
	for _, p := range parts {
		size += len(p)
	}
	b := make([]byte, compactStart, size)
	copy(b, compactMagic)
	b = append(append(b, x.source[:]...), x.signer[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(x.made))
	for _, n := range []int{
		len(arch), len(description), t.strings(), t.count(), len(t.dependencies) / dependencySize, len(t.details), len(t.text),
	} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.LittleEndian.PutUint32(b[len(compactMagic):], checksumOf(b[compactStart:]))
	return b
}

func checksumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// decodeCompact reads a compact form, parts of which the index goes on using. Whatever it is
// given, the index can be used without a panic.
func decodeCompact(b []byte) (compactIndex, error) {
	if len(b) < compactStart+compactHead || !bytes.HasPrefix(b, []byte(compactMagic)) ||
		binary.LittleEndian.Uint32(b[len(compactMagic):]) != checksumOf(b[compactStart:]) {
		return compactIndex{}, errCompact
	}
	head, rest := b[compactStart:compactStart+compactHead], b[compactStart+compactHead:]
	x := compactIndex{Index: new(Index)}
	copy(x.source[:], head)
	copy(x.signer[:], head[sha256.Size:])
	numbers := head[2*sha256.Size:]
	x.made = int64(binary.LittleEndian.Uint64(numbers))
	n := func(i uint32) uint64 { return uint64(le32(numbers[8:], i)) }
	sound := true
	part := func(size uint64) (p []byte) {
		if size > uint64(len(rest)) {
			sound = false
			return nil
		}
		p, rest = rest[:size:size], rest[size:]
		return p
	}
	x.Arch, x.Description = string(part(n(0))), string(part(n(1)))
	t := &x.table
	t.ends, t.buckets = part(4*n(2)), part(2*n(2))
	t.records = part(uint64(recordSize) * n(3))
	t.dependencies = part(dependencySize * n(4))
	t.detailEnds = part(4 * ((n(3) + detailChunk - 1) / detailChunk))
	t.details = part(n(5))
	t.text = string(part(n(6)))
	if !sound || len(rest) > 0 || !t.sound() {
		return compactIndex{}, errCompact
	}
	return x, nil
}

// sound says whether all numbers of the table lead to where something is. It counts the names.
func (t *table) sound() bool {
	if !ascend(t.ends, 4, 0, uint32(len(t.text))) || !ascend(t.detailEnds, 4, 0, uint32(len(t.details))) ||
		!ascend(t.records, recordSize, endsOffset, uint32(len(t.dependencies)/dependencySize)) {
		return false
	}
	t.names = 0
	for b := t.buckets; len(b) > 0; b = b[2:] {
		if bucket := binary.LittleEndian.Uint16(b); bucket < nameBuckets {
			t.names++
		} else if bucket != notAName {
			return false
		}
	}
	return t.recordsSound() && t.dependenciesSound()
}

// ascend says whether the numbers at an offset into each element ascend up to an end that is the last one.
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

func (t *table) recordsSound() bool {
	first, strings := uint32(0), uint32(t.strings())
	for i := range t.count() {
		r := t.record(i)
		depends, provides, end := r.listEnds()
		if first > depends || depends > provides || provides > end || !t.isName(r.name()) ||
			r.version() >= strings || r.arch() >= strings || r.refused() >= strings || r.tooNew() >= strings {
			return false
		}
		first = end
	}
	return true
}

func (t *table) dependenciesSound() bool {
	strings := uint32(t.strings())
	for b := t.dependencies; len(b) > 0; b = b[dependencySize:] {
		if !t.isName(binary.LittleEndian.Uint32(b)) || binary.LittleEndian.Uint32(b[4:])>>8 >= strings {
			return false
		}
	}
	return true
}

func (t *table) isName(n uint32) bool {
	return int(n) < t.strings() && t.bucket(n) != notAName
}

// bucket is where apk's table of names has the name of that number.
func (t *table) bucket(n uint32) uint32 {
	return uint32(binary.LittleEndian.Uint16(t.buckets[2*int(n):]))
}
