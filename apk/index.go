package apk

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"
)

// Index lists a repository's packages for one architecture, in the order of the index.
//
// It holds them in a compact form, a few hundred bytes a package, which is also what a Cache
// keeps: nothing of it need be parsed to solve with it. A Package is made each time it is
// asked for.
type Index struct {
	Repository  *Repository
	Arch        string
	Description string
	Notes       []string // what a person should know, such as that it is older than it was

	table
	hidden []bool // by package; nil: none is
}

// NewIndex makes an index of packages. Of what they say, Repository counts for nothing: they
// are then of the index's.
func NewIndex(r *Repository, arch string, packages iter.Seq[*Package]) (*Index, error) {
	b := newIndexBuilder()
	for p := range packages {
		if err := b.add(p); err != nil {
			return nil, err
		}
	}
	return &Index{Repository: r, Arch: arch, table: b.finish()}, nil
}

// Packages yields all packages in the order of the index.
func (x *Index) Packages() iter.Seq[*Package] {
	return x.those(func(int) bool { return true })
}

// Named yields the packages of one name, which are the versions that there are of it. It looks
// at no other.
func (x *Index) Named(name string) iter.Seq[*Package] {
	return x.those(func(i int) bool { return x.string(x.record(i).name()) == name })
}

func (x *Index) those(match func(i int) bool) iter.Seq[*Package] {
	return func(yield func(*Package) bool) {
		var d detailReader
		for i := range x.count() {
			if !x.isHidden(i) && match(i) && !yield(x.at(i, &d)) {
				return
			}
		}
	}
}

// Where is a view of the index without the packages for which keep is false.
func (x *Index) Where(keep func(*Package) bool) *Index {
	view := *x
	view.hidden = slices.Clone(x.hidden)
	if view.hidden == nil {
		view.hidden = make([]bool, x.count())
	}
	var d detailReader
	for i := range view.hidden {
		view.hidden[i] = view.hidden[i] || !keep(x.at(i, &d))
	}
	return &view
}

func (x *Index) isHidden(i int) bool { return x.hidden != nil && x.hidden[i] }

// at makes package i.
func (x *Index) at(i int, d *detailReader) *Package {
	r := x.record(i)
	p := &Package{
		Name: x.string(r.name()), Version: x.string(r.version()), Arch: x.string(r.arch()),
		Checksum: r.checksum(), Size: r.size(), InstalledSize: r.installedSize(),
		BuildTime: r.buildTime(), ProviderPriority: r.priority(),
		Repository: x.Repository, refused: x.string(r.refused()), tooNew: x.string(r.tooNew()),
	}
	first, depends, provides, end := x.lists(i)
	p.Depends = x.dependencyList(first, depends)
	p.Provides = x.dependencyList(depends, provides)
	p.InstallIf = x.dependencyList(provides, end)
	for i, s := range d.details(&x.table, i) {
		*detailsOf(p)[i] = s
	}
	return p
}

func (t *table) dependencyList(from, to uint32) []Dependency {
	if from == to {
		return nil
	}
	ds := make([]Dependency, 0, to-from)
	for i := from; i < to; i++ {
		name, version, op, conflict := t.dependency(i)
		ds = append(ds, Dependency{Name: t.string(name), Version: t.string(version), Op: op, Conflict: conflict})
	}
	return ds
}

// A table is the packages of an index. Strings are numbered and stand once; 0 is "". All
// numbers are little-endian, so that the parts can be written and read as they are.
type table struct {
	text         string // all strings, one after the other
	ends         []byte // by string, 4 bytes: where it ends in text
	buckets      []byte // by string, 2 bytes: apk's bucket where it is a package's or provided name, see nameBuckets
	records      []byte // by package, recordSize bytes
	dependencies []byte // 8 bytes each: what packages depend on, provide and have in install_if
	detailEnds   []byte // by detailChunk packages, 4 bytes: where their details end
	details      []byte // what only a chosen package is asked for, compressed with s2
	names        int    // how many strings are names
}

const (
	stringSize     = 4 + 2
	dependencySize = 8
	detailChunk    = 64     // packages whose details are compressed together
	notAName       = 0xffff // in table.buckets

	// maxIndexStrings leaves 8 bits beside a string's number; Alpine's largest index has some 200,000.
	maxIndexStrings = 1 << 24
)

// strings is how many there are, count how many packages.
func (t *table) strings() int { return len(t.ends) / 4 }
func (t *table) count() int   { return len(t.records) / recordSize }

func (t *table) string(n uint32) string {
	if n == 0 {
		return ""
	}
	return t.text[le32(t.ends, n-1):le32(t.ends, n)]
}

func (t *table) record(i int) record { return record(t.records[i*recordSize : (i+1)*recordSize]) }

// lists says where in dependencies the lists of package i begin and end, which stand side by
// side: depends, provides, install_if.
func (t *table) lists(i int) (first, depends, provides, end uint32) {
	if i > 0 {
		_, _, first = t.record(i - 1).listEnds()
	}
	depends, provides, end = t.record(i).listEnds()
	return first, depends, provides, end
}

func (t *table) dependency(i uint32) (name, version uint32, op Op, conflict bool) {
	name, packed := le32(t.dependencies, 2*i), le32(t.dependencies, 2*i+1)
	return name, packed >> 8, Op(packed) &^ packedConflict, packed&packedConflict != 0
}

const packedConflict = 1 << 7

// le32 is the i-th number of 4 bytes.
func le32(b []byte, i uint32) uint32 { return binary.LittleEndian.Uint32(b[4*int(i):]) }

// A record is the fixed part of one package: numbers of strings, numbers, and where its lists
// of dependencies end.
type record []byte

const recordSize = 5*4 + 4*8 + 3*4 + len(Checksum{})

func (r record) name() uint32         { return le32(r, 0) }
func (r record) version() uint32      { return le32(r, 1) }
func (r record) arch() uint32         { return le32(r, 2) }
func (r record) refused() uint32      { return le32(r, 3) }
func (r record) tooNew() uint32       { return le32(r, 4) }
func (r record) size() int64          { return int64(binary.LittleEndian.Uint64(r[20:])) }
func (r record) installedSize() int64 { return int64(binary.LittleEndian.Uint64(r[28:])) }
func (r record) buildTime() int64     { return int64(binary.LittleEndian.Uint64(r[36:])) }
func (r record) priority() int        { return int(int64(binary.LittleEndian.Uint64(r[44:]))) }
func (r record) listEnds() (depends, provides, end uint32) {
	return le32(r, 13), le32(r, 14), le32(r, 15)
}
func (r record) checksum() Checksum { return Checksum(r[64:]) }

// endsOffset is where listEnds' end is in a record.
const endsOffset = 15 * 4

// detailsOf are the fields that the details hold, in their order.
func detailsOf(p *Package) [6]*string {
	return [...]*string{&p.Description, &p.URL, &p.License, &p.Origin, &p.Maintainer, &p.Commit}
}

// A detailReader remembers the chunk that it has inflated last.
type detailReader struct {
	chunk int // 0 is none, 1 the first
	text  string
	next  int // the package whose details rest begins with
	rest  string
}

// details gives the details of package i; what is damaged is "".
func (d *detailReader) details(t *table, i int) (out [6]string) {
	if chunk := i/detailChunk + 1; d.chunk != chunk {
		*d = detailReader{chunk: chunk, text: t.chunk(chunk - 1)}
	}
	if at := i % detailChunk; d.rest == "" || d.next > at {
		d.next, d.rest = 0, d.text
	}
	for ; d.next <= i%detailChunk; d.next++ {
		for field := range out {
			out[field], d.rest = cutText(d.rest)
		}
	}
	return out
}

// chunk inflates one chunk of the details.
func (t *table) chunk(n int) string {
	from := uint32(0)
	if n > 0 {
		from = le32(t.detailEnds, uint32(n-1))
	}
	packed := t.details[from:le32(t.detailEnds, uint32(n))]
	if size, err := s2.DecodedLen(packed); err != nil || size > detailChunk*maxIndexRecord {
		return ""
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return ""
	}
	return string(text)
}

// cutText takes a length and that many bytes off the front.
func cutText(s string) (text, rest string) {
	var head [binary.MaxVarintLen64]byte
	n, used := binary.Uvarint(head[:copy(head[:], s)])
	if used <= 0 || n > uint64(len(s)-used) {
		return "", ""
	}
	return s[used : used+int(n)], s[used+int(n):]
}

// An indexBuilder makes a table, package by package.
type indexBuilder struct {
	t       table
	ids     map[string]uint32
	text    strings.Builder
	pending []byte // details that are not compressed yet
}

func newIndexBuilder() *indexBuilder {
	b := &indexBuilder{ids: make(map[string]uint32)}
	b.number("")
	return b
}

// number gives a string's number.
func (b *indexBuilder) number(s string) uint32 {
	id, known := b.ids[s]
	if !known {
		id = uint32(len(b.ids))
		b.ids[strings.Clone(s)] = id // s is often a small part of a text that goes
		b.text.WriteString(s)
		b.t.ends = binary.LittleEndian.AppendUint32(b.t.ends, uint32(b.text.Len()))
		b.t.buckets = binary.LittleEndian.AppendUint16(b.t.buckets, notAName)
	}
	return id
}

// name is number for what the solver looks up.
func (b *indexBuilder) name(s string) uint32 {
	id := b.number(s)
	if bucket := b.t.buckets[2*id:]; binary.LittleEndian.Uint16(bucket) == notAName {
		binary.LittleEndian.PutUint16(bucket, uint16(nameBucket(s)))
		b.t.names++
	}
	return id
}

func (b *indexBuilder) add(p *Package) error {
	r := make([]byte, 0, recordSize)
	for _, n := range []uint32{b.name(p.Name), b.number(p.Version), b.number(p.Arch), b.number(p.refused), b.number(p.tooNew)} {
		r = binary.LittleEndian.AppendUint32(r, n)
	}
	for _, n := range []int64{p.Size, p.InstalledSize, p.BuildTime, int64(p.ProviderPriority)} {
		r = binary.LittleEndian.AppendUint64(r, uint64(n))
	}
	for _, list := range [][]Dependency{p.Depends, p.Provides, p.InstallIf} {
		if err := b.addDependencies(list); err != nil {
			return fmt.Errorf("listing package %q: %w", p, err)
		}
		r = binary.LittleEndian.AppendUint32(r, uint32(len(b.t.dependencies)/dependencySize))
	}
	b.t.records = append(append(b.t.records, r...), p.Checksum[:]...)
	for _, s := range detailsOf(p) {
		b.pending = append(binary.AppendUvarint(b.pending, uint64(len(*s))), *s...)
	}
	if b.t.count()%detailChunk == 0 {
		b.flush()
	}
	if len(b.ids) > maxIndexStrings {
		return fmt.Errorf("listing package %q: the index has more than %d different names and versions", p, maxIndexStrings)
	}
	return nil
}

func (b *indexBuilder) addDependencies(ds []Dependency) error {
	for _, d := range ds {
		if d.Tag != "" {
			return fmt.Errorf("%q: a tag is only for world", d)
		}
		packed := b.number(d.Version)<<8 | uint32(d.Op)
		if d.Conflict {
			packed |= packedConflict
		}
		b.t.dependencies = binary.LittleEndian.AppendUint32(b.t.dependencies, b.name(d.Name))
		b.t.dependencies = binary.LittleEndian.AppendUint32(b.t.dependencies, packed)
	}
	return nil
}

// flush compresses the details at hand. The fastest compression will do: half the size is most
// of the gain.
func (b *indexBuilder) flush() {
	if len(b.pending) > 0 {
		b.t.details = append(b.t.details, s2.Encode(nil, b.pending)...)
		b.t.detailEnds = binary.LittleEndian.AppendUint32(b.t.detailEnds, uint32(len(b.t.details)))
		b.pending = b.pending[:0]
	}
}

func (b *indexBuilder) finish() table {
	b.flush()
	b.t.text = b.text.String()
	return b.t
}
