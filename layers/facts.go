package layers

import (
	"archive/tar"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// The file of facts, one for each blob:
//
//	magic, with the version of the format, and 8 bytes of the SHA-256 of the store's rules, see newContentRules
//	CRC-32C of all that follows
//	digest and diff ID, 32 bytes each, the latter zero where it is not known; the media type, a byte
//	size, tar size; the count of faults and each one's code, path and detail; the count of entries and each entry
//
// Numbers are varints, strings a length and their bytes. Every start of the program reads such files, so reading is cheap:
// the file becomes one string, and all strings of its entries are parts of it.
const factsMagic = versions.Facts

const (
	magicLen  = len(factsMagic) + keptSum
	factsHead = magicLen + 4
	digestLen = 32
)

// keptSum is how many bytes of the rules' SHA-256 the facts begin with: enough to distinguish two sets of rules.
const keptSum = 8

// errFacts says that facts are damaged, of another version, or of another blob. The remedy is to scan the blob again.
var errFacts = errors.New("facts are damaged or of another version")

// castagnoli returns the CRC-32C. MakeTable has this table ready.
func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// facts are the store's facts of a blob. The entries stay encoded until a caller needs them.
type facts struct {
	Blob
	faults  []Fault
	count   int
	entries string
}

// mediaTypes maps the byte in the file to the media type. "" is a tar without compression, which FactsOf reads and the
// store does not store. The last two are tarballs that cannot be layers.
func mediaTypes() []string {
	return []string{MediaTypeGzip, MediaTypeZstd, "", compress.MediaTypeXZ, compress.MediaTypeBzip2}
}

func encodeFacts(magic string, b Blob, faults []Fault, count int, entries []byte) ([]byte, error) {
	e := encoder(make([]byte, factsHead, factsHead+256+len(entries)))
	copy(e, magic)
	for _, digest := range []string{b.Digest, cmp.Or(b.DiffID, noDigest())} {
		sum, err := digestHex(digest)
		if err != nil {
			return nil, err
		}
		e, _ = hex.AppendDecode(e, []byte(sum)) // digestHex has checked it
	}
	media := byte(0)
	for i, m := range mediaTypes() {
		if m == b.MediaType {
			media = byte(i)
		}
	}
	e = append(e, media)
	e.uint(uint64(b.Size))
	e.uint(uint64(b.TarSize))
	e.uint(uint64(len(faults)))
	for _, f := range faults {
		e.text(string(f.Code))
		e.text(f.Path)
		e.text(f.Detail)
	}
	e.uint(uint64(count))
	e = append(e, entries...)
	binary.LittleEndian.PutUint32(e[magicLen:], castagnoli(e[factsHead:]))
	return e, nil
}

// noDigest stands for a diff ID that is not known.
func noDigest() string { return formatDigest(make([]byte, digestLen)) }

// decodeFacts reads the facts of the blob with this digest.
func decodeFacts(magic string, raw []byte, digest string) (facts, error) {
	f, err := decodeAnyFacts(magic, raw)
	if err == nil && f.Digest != digest {
		return facts{}, errFacts
	}
	return f, err
}

// decodeAnyFacts reads the facts of a blob, which they name.
func decodeAnyFacts(magic string, raw []byte) (facts, error) {
	var f facts
	if len(raw) < factsHead+2*digestLen+1 || string(raw[:magicLen]) != magic ||
		binary.LittleEndian.Uint32(raw[magicLen:]) != castagnoli(raw[factsHead:]) {
		return f, errFacts
	}
	raw = raw[factsHead:]
	f.Digest = formatDigest(raw[:digestLen])
	if diffID := raw[digestLen : 2*digestLen]; [digestLen]byte(diffID) != [digestLen]byte{} {
		f.DiffID = formatDigest(diffID)
	}
	media := int(raw[2*digestLen])
	if media >= len(mediaTypes()) {
		return facts{}, errFacts
	}
	f.MediaType = mediaTypes()[media]
	d := decoder{rest: string(raw[2*digestLen+1:])}
	f.Size, f.TarSize = int64(d.uint()), int64(d.uint())
	n := d.count(maxFaults)
	for range n {
		f.faults = append(f.faults, Fault{FaultCode(d.text()), d.text(), d.text()})
	}
	f.count, f.entries = d.count(maxEntries), d.rest
	if d.bad {
		return facts{}, errFacts
	}
	return f, nil
}

// factsName is the digest that facts are of, whatever the store's rules are; "" if raw has no facts of this version.
func factsName(raw []byte) string {
	if len(raw) < factsHead+digestLen || string(raw[:len(factsMagic)]) != factsMagic {
		return ""
	}
	return formatDigest(raw[factsHead : factsHead+digestLen])
}

// all yields the entries in the order of the archive.
func (f facts) all() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		d := decoder{rest: f.entries}
		for range f.count {
			entry := d.entry(new(tar.Header))
			if d.bad {
				yield(Entry{}, f.damaged())
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// decoded returns the entries in the order of the archive. With an error it returns the entries before it.
func (f facts) decoded() ([]Entry, error) {
	list, headers := make([]Entry, 0, f.count), make([]tar.Header, f.count)
	d := decoder{rest: f.entries}
	for i := range f.count {
		entry := d.entry(&headers[i])
		if d.bad {
			return list, f.damaged()
		}
		list = append(list, entry)
	}
	return list, nil
}

func (f facts) damaged() error {
	return fmt.Errorf("reading the facts of layer %q: %w", f.Digest, errFacts)
}

// An encoder appends to itself.
type encoder []byte

func (e *encoder) uint(v uint64) { *e = binary.AppendUvarint(*e, v) }
func (e *encoder) int(v int64)   { *e = binary.AppendVarint(*e, v) }
func (e *encoder) text(s string) {
	e.uint(uint64(len(s)))
	*e = append(*e, s...)
}

func (e *encoder) texts(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.text(s)
	}
}

// A decoder takes values from the front of rest. After the first invalid value it stays bad and returns zero values, so
// that a caller may check once, at the end.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) uint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

func (d *decoder) fail() { d.bad, d.rest = true, "" }

func (d *decoder) int() int64 {
	u := d.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) text() string {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// count reads how many values follow. Each value takes a byte at least, so a count cannot ask for more memory than the
// file takes.
func (d *decoder) count(most int) int {
	n := d.uint()
	if n > uint64(len(d.rest)) || n > uint64(most) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) texts() []string {
	n := d.count(len(d.rest))
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}

// bytes returns a copy.
func (d *decoder) bytes() []byte { return []byte(d.text()) }
