package elf_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	own "github.com/pyimg/pyimg/layers/elf"
)

// An image is an ELF file to be made for a test.
type image struct {
	class   int
	order   binary.AppendByteOrder
	machine elf.Machine
	interp  string
	soname  string
	runpath string
	rpath   string
	needed  []string
	symbols []symbol
	hash    elf.DynTag             // DT_GNU_HASH or DT_HASH, or 0
	relocs  map[elf.DynTag][]reloc // by table: DT_RELA, DT_REL, DT_JMPREL
	rel     bool                   // DT_JMPREL has entries without an addend
	tls     bool                   // has a segment PT_TLS
}

type symbol struct {
	name    string
	defined bool
}

// reloc is a relocation of kind for a symbol, counted from 1.
type reloc struct{ symbol, kind int }

const (
	base     = 0x10000 // where the only loaded segment is mapped: addresses differ from offsets
	programs = 4       // headers of segments
)

// bytes lays the file out as header, program headers, strings, symbols, hash table, dynamic segment.
func (im image) bytes() []byte {
	header, entry := 64, 56
	if im.class == 32 {
		header, entry = 52, 32
	}
	var body []byte
	start := header + programs*entry
	here := func() uint64 { return uint64(start + len(body)) }

	names := here()
	text := func(s string) uint64 {
		at := here() - names
		body = append(append(body, s...), 0)
		return at
	}
	text("")
	interp := names + text(im.interp)
	tags := [][2]uint64{}
	tag := func(t elf.DynTag, v uint64) { tags = append(tags, [2]uint64{uint64(t), v}) }
	for _, n := range im.needed {
		tag(elf.DT_NEEDED, text(n))
	}
	for t, s := range map[elf.DynTag]string{elf.DT_SONAME: im.soname, elf.DT_RUNPATH: im.runpath, elf.DT_RPATH: im.rpath} {
		if s != "" {
			tag(t, text(s))
		}
	}
	tag(elf.DT_STRTAB, names+base)
	offsets := make([]uint64, len(im.symbols))
	for i, s := range im.symbols {
		offsets[i] = text(s.name)
	}
	body = append(body, make([]byte, -len(body)&15)...)
	symtab := here()
	body = append(body, make([]byte, im.symbolSize())...) // the null symbol
	for i, s := range im.symbols {
		body = im.symbol(body, uint32(offsets[i]), s)
	}
	tag(elf.DT_SYMTAB, symtab+base)
	for _, table := range []elf.DynTag{elf.DT_RELA, elf.DT_REL, elf.DT_JMPREL} {
		if len(im.relocs[table]) == 0 {
			continue
		}
		tag(table, here()+base)
		from := len(body)
		for _, r := range im.relocs[table] {
			body = im.reloc(body, r, table == elf.DT_RELA || table == elf.DT_JMPREL && !im.rel)
		}
		tag(map[elf.DynTag]elf.DynTag{elf.DT_RELA: elf.DT_RELASZ, elf.DT_REL: elf.DT_RELSZ, elf.DT_JMPREL: elf.DT_PLTRELSZ}[table], uint64(len(body)-from))
	}
	if im.rel {
		tag(elf.DT_PLTREL, uint64(elf.DT_REL))
	} else {
		tag(elf.DT_PLTREL, uint64(elf.DT_RELA))
	}
	if im.hash != 0 {
		tag(im.hash, here()+base)
		body = im.hashTable(body)
	}
	dynamic := here()
	for _, t := range append(tags, [2]uint64{}) {
		body = im.word(im.word(body, t[0]), t[1])
	}
	end := here()

	out := im.header(header, entry)
	switch {
	case im.interp != "":
		out = im.program(out, elf.PT_INTERP, interp, 0, uint64(len(im.interp)+1), 1)
	default:
		out = im.program(out, elf.PT_NULL, 0, 0, 0, 0)
	}
	out = im.program(out, elf.PT_LOAD, 0, base, end, 0x10000)
	out = im.program(out, elf.PT_DYNAMIC, dynamic, dynamic+base, end-dynamic, 8)
	out = im.program(out, map[bool]elf.ProgType{true: elf.PT_TLS, false: elf.PT_NULL}[im.tls], dynamic, dynamic+base, 0, 8)
	return append(out, body...)
}

func (im image) word(b []byte, v uint64) []byte {
	if im.class == 64 {
		return im.order.AppendUint64(b, v)
	}
	return im.order.AppendUint32(b, uint32(v))
}

func (im image) header(size, entry int) []byte {
	ident := []byte{0x7f, 'E', 'L', 'F', byte(im.class / 32), 1, 1, 15: 0}
	if im.order == binary.AppendByteOrder(binary.BigEndian) {
		ident[5] = 2
	}
	b := im.order.AppendUint16(ident, uint16(elf.ET_DYN))
	b = im.order.AppendUint16(b, uint16(im.machine))
	b = im.order.AppendUint32(b, 1)
	b = im.word(im.word(im.word(b, 0), uint64(size)), 0)
	b = im.order.AppendUint32(b, 0x5000400)
	for _, v := range []int{size, entry, programs, 0, 0, 0} {
		b = im.order.AppendUint16(b, uint16(v))
	}
	return b
}

func (im image) program(b []byte, kind elf.ProgType, off, vaddr, size, align uint64) []byte {
	b = im.order.AppendUint32(b, uint32(kind))
	if im.class == 64 {
		b = im.order.AppendUint32(b, 5)
	}
	for _, v := range []uint64{off, vaddr, vaddr, size, size} {
		b = im.word(b, v)
	}
	if im.class == 32 {
		b = im.order.AppendUint32(b, 5)
	}
	return im.word(b, align)
}

func (im image) reloc(b []byte, r reloc, addend bool) []byte {
	info := uint64(r.symbol)<<32 | uint64(r.kind)
	if im.class == 32 {
		info = uint64(r.symbol)<<8 | uint64(r.kind)
	}
	b = im.word(im.word(b, base), info)
	if addend {
		b = im.word(b, 0)
	}
	return b
}

func (im image) symbolSize() int {
	if im.class == 64 {
		return 24
	}
	return 16
}

func (im image) symbol(b []byte, name uint32, s symbol) []byte {
	section, info := uint16(0), elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
	if s.defined {
		section = 7
	}
	if strings.HasPrefix(s.name, "weak") {
		info = elf.ST_INFO(elf.STB_WEAK, elf.STT_FUNC)
	}
	b = im.order.AppendUint32(b, name)
	if im.class == 64 {
		b = im.order.AppendUint16(append(b, info, 0), section)
		return append(b, make([]byte, 16)...)
	}
	return im.order.AppendUint16(append(append(b, make([]byte, 8)...), info, 0), section)
}

// hashTable makes a table with one bucket, so that every symbol is in its chain.
func (im image) hashTable(b []byte) []byte {
	if im.hash == elf.DT_GNU_HASH {
		for _, v := range []uint32{1, 1, 1, 6} { // buckets, first symbol, words of the filter, shift
			b = im.order.AppendUint32(b, v)
		}
		b = im.order.AppendUint32(im.word(b, ^uint64(0)), 1)
		for i, s := range im.symbols {
			h := uint32(5381)
			for _, c := range []byte(s.name) {
				h = h*33 + uint32(c)
			}
			h &^= 1
			if i == len(im.symbols)-1 {
				h |= 1
			}
			b = im.order.AppendUint32(b, h)
		}
		return b
	}
	entry := func(v int) {
		if im.machine == elf.EM_S390 && im.class == 64 {
			b = im.order.AppendUint64(b, uint64(v))
		} else {
			b = im.order.AppendUint32(b, uint32(v))
		}
	}
	n := len(im.symbols)
	entry(1)
	entry(n + 1)
	entry(min(n, 1)) // the bucket's first symbol
	entry(0)
	for i := 1; i <= n; i++ {
		entry((i + 1) % (n + 1)) // the last one's successor is 0
	}
	return b
}

func read(raw []byte) *own.Facts {
	return own.Read(bytes.NewReader(raw), int64(len(raw)), own.Options{Imports: true})
}

func sample() image {
	return image{
		class: 64, order: binary.LittleEndian, machine: elf.EM_X86_64, interp: "/lib/ld-musl-x86_64.so.1", soname: "libx.so.1",
		rpath: "/usr/local/lib", runpath: "$ORIGIN/../lib:/opt/lib", needed: []string{"libz.so.1", strings.Repeat("long", 100) + ".so"},
		symbols: []symbol{{"free", true}, {"malloc", true}, {"calloc", true}}, hash: elf.DT_GNU_HASH,
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		class   int
		order   binary.AppendByteOrder
		machine elf.Machine
		hash    elf.DynTag
	}{
		{64, binary.LittleEndian, elf.EM_X86_64, elf.DT_GNU_HASH},
		{64, binary.LittleEndian, elf.EM_AARCH64, elf.DT_HASH},
		{64, binary.BigEndian, elf.EM_S390, elf.DT_GNU_HASH},
		{64, binary.BigEndian, elf.EM_S390, elf.DT_HASH},
		{32, binary.LittleEndian, elf.EM_ARM, elf.DT_GNU_HASH},
		{32, binary.LittleEndian, elf.EM_386, elf.DT_HASH},
		{32, binary.BigEndian, elf.EM_MIPS, elf.DT_HASH},
	} {
		im := sample()
		im.class, im.order, im.machine, im.hash = test.class, test.order, test.machine, test.hash
		want := &own.Facts{
			Class: im.class, BigEndian: im.order == binary.AppendByteOrder(binary.BigEndian), Machine: im.machine, Type: elf.ET_DYN,
			Flags: 0x5000400, Interp: im.interp, Dynamic: true, Soname: im.soname, Needed: im.needed, RPath: []string{"/usr/local/lib"},
			RunPath: []string{"$ORIGIN/../lib", "/opt/lib"}, Malloc: true, Align: 0x10000, Exports: hashes("free", "malloc", "calloc"),
		}
		if diff := cmp.Diff(want, read(im.bytes())); diff != "" {
			t.Errorf("Read of %v, %d bits, %v (-want +got):\n%s", im.machine, im.class, im.hash, diff)
		}
	}
}

// hashes are those of names.
func hashes(names ...string) own.Hashes {
	var all []uint32
	for _, name := range names {
		all = append(all, own.Hash(name))
	}
	slices.Sort(all)
	var text []byte
	for _, h := range all {
		text = binary.LittleEndian.AppendUint32(text, h)
	}
	return own.Hashes(text)
}

func TestHash(t *testing.T) {
	t.Parallel()
	// From https://flapenguin.me/elf-dt-gnu-hash, without the lowest bit.
	for name, want := range map[string]uint32{"": 0x1505 &^ 1, "printf": 0x156b2bb8, "exit": 0x7c967e3f &^ 1, "syscall": 0xbac212a0, "flapenguin.me": 0x8ae9f18e} {
		if got := own.Hash(name); got != want {
			t.Errorf("Hash(%q) = %#x, want %#x", name, got, want)
		}
	}
	if got := slices.Collect(hashes("printf", "exit").All()); !slices.Equal(got, []uint32{0x156b2bb8, 0x7c967e3e}) {
		t.Errorf("All = %#x", got)
	}
}

// TestImports needs what relocations refer to, defines nothing of it, and is not weak.
func TestImports(t *testing.T) {
	t.Parallel()
	symbols := []symbol{{"unused", false}, {"a", false}, {"b", false}, {"weakly", false}, {"c", false}, {"own", true}}
	for _, c := range []struct {
		class   int
		order   binary.AppendByteOrder
		machine elf.Machine
		rel     bool
	}{
		{64, binary.LittleEndian, elf.EM_X86_64, false}, {64, binary.BigEndian, elf.EM_S390, false}, {64, binary.LittleEndian, elf.EM_AARCH64, true},
		{32, binary.LittleEndian, elf.EM_ARM, true}, {32, binary.LittleEndian, elf.EM_386, true}, {32, binary.BigEndian, elf.EM_PPC, false},
	} {
		for _, hash := range []elf.DynTag{elf.DT_GNU_HASH, elf.DT_HASH} {
			im := sample()
			im.class, im.order, im.machine, im.rel, im.hash, im.symbols = c.class, c.order, c.machine, c.rel, hash, symbols
			const jump, none = 7, 0
			im.relocs = map[elf.DynTag][]reloc{
				elf.DT_RELA:   {{5, jump}, {2, jump}, {0, jump}, {4, jump}, {6, jump}},
				elf.DT_REL:    {{3, jump}},
				elf.DT_JMPREL: {{2, jump}, {1, none}},
			}
			f := read(im.bytes())
			if diff := cmp.Diff([]string{"a", "b", "c"}, f.Imports); diff != "" || f.Err != "" || f.Opaque {
				t.Errorf("imports of %v, %d bits, %v: %s %q", c.machine, c.class, hash, diff, f.Err)
			}
			if hash == elf.DT_HASH && f.Exports != hashes("own") {
				t.Errorf("exports of %v, %d bits, %v: %#x", c.machine, c.class, hash, slices.Collect(f.Exports.All()))
			}
			unasked := own.Read(bytes.NewReader(im.bytes()), int64(len(im.bytes())), own.Options{})
			if unasked.Imports != nil || unasked.Exports != f.Exports {
				t.Errorf("imports that nobody asked for: %v", unasked.Imports)
			}
			im.relocs[elf.DT_RELA] = []reloc{{1 << 20, jump}}
			if f := read(im.bytes()); f.Imports != nil || f.Err != "" || f.Opaque {
				t.Errorf("a symbol outside the file: imports %v, %q, opaque %v, want none of it", f.Imports, f.Err, f.Opaque)
			}
		}
	}
}

// TestExportsAreDefined leaves out what a GNU hash table lists and the file does not define.
func TestExportsAreDefined(t *testing.T) {
	t.Parallel()
	im := sample()
	im.symbols = []symbol{{"alpha", true}, {"listed", false}, {"beta", true}}
	if f := read(im.bytes()); f.Exports != hashes("alpha", "beta") || f.Opaque {
		t.Errorf("exports %#x, want those of alpha and beta", slices.Collect(f.Exports.All()))
	}
	im.class, im.machine = 32, elf.EM_ARM
	if f := read(im.bytes()); f.Exports != hashes("alpha", "beta") || f.Opaque {
		t.Errorf("exports of 32 bits %#x, want those of alpha and beta", slices.Collect(f.Exports.All()))
	}
	im.symbols = nil
	for range 2 * 128 {
		im.symbols = append(im.symbols, symbol{strings.Repeat("x", len(im.symbols)+1), true})
	}
	if f := read(im.bytes()); len(f.Exports)/4 != len(im.symbols) {
		t.Errorf("%d exports, want %d", len(f.Exports)/4, len(im.symbols))
	}
}

func TestMallocMustBeDefined(t *testing.T) {
	t.Parallel()
	for _, hash := range []elf.DynTag{elf.DT_GNU_HASH, elf.DT_HASH} {
		for _, symbols := range [][]symbol{nil, {{"malloc", false}}, {{"mallocx", true}, {"free", true}}} {
			im := sample()
			im.hash, im.symbols = hash, symbols
			if hash == elf.DT_GNU_HASH && symbols == nil {
				continue // has no chain that could end
			}
			if f := read(im.bytes()); f.Malloc || f.Err != "" {
				t.Errorf("Read with %v of %v: malloc %v, %q, want none", hash, symbols, f.Malloc, f.Err)
			}
		}
	}
}

func TestReadTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	raw := sample().bytes()
	change := func(at int, to ...byte) []byte { return slices.Replace(slices.Clone(raw), at, at+len(to), to...) }
	for name, test := range map[string]struct {
		raw  []byte
		want string
	}{
		"magic alone":         {raw[:4], "outside the file"},
		"class":               {change(4, 3), "class 3"},
		"byte order":          {change(5, 3), "byte order 3"},
		"cut header":          {raw[:40], "outside the file"},
		"cut program headers": {raw[:100], "outside the file"},
		"cut":                 {raw[:len(raw)-40], "dynamic segment"},
		"entry size":          {change(54, 57), "want 56"},
		"many headers":        {change(56, 0xff, 0xff), "65535 program headers"},
		"dynamic far away":    {change(64+2*56+8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "dynamic segment"},
		"interp far away":     {change(64+8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "loader's name"},
		"nothing loaded":      {change(64+56, 4), "in no loaded segment"},
	} {
		if f := read(test.raw); !strings.Contains(f.Err, test.want) {
			t.Errorf("Read with %s: %q, want %q", name, f.Err, test.want)
		}
	}
}

func TestGLIBC(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		interp, needed string
		want           bool
	}{
		{"/lib64/ld-linux-x86-64.so.2", "", true},
		{"/lib/ld-linux-aarch64.so.1", "", true},
		{"/lib64/ld64.so.2", "", true},
		{"", "libc.so.6", true},
		{"/lib/ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1", false},
		{"", "libc.so", false},
		{"", "", false},
	} {
		f := own.Facts{Interp: test.interp, Needed: []string{"libm.so", test.needed}}
		if got := f.GLIBC(); got != test.want {
			t.Errorf("GLIBC with %q and %q = %v, want %v", test.interp, test.needed, got, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, hash := range []elf.DynTag{elf.DT_GNU_HASH, elf.DT_HASH} {
		im := sample()
		im.hash = hash
		f.Add(im.bytes())
		im.class, im.order, im.machine = 32, binary.BigEndian, elf.EM_PPC
		f.Add(im.bytes())
		im.class, im.machine = 64, elf.EM_S390
		f.Add(im.bytes())
	}
	linked := sample()
	linked.symbols = []symbol{{"a", false}, {"weakly", false}, {"own", true}}
	linked.relocs = map[elf.DynTag][]reloc{elf.DT_RELA: {{1, 7}, {2, 7}}, elf.DT_JMPREL: {{3, 7}}}
	f.Add(linked.bytes())
	arm := sample()
	arm.machine = elf.EM_AARCH64
	arm.soname = "<jemalloc>: Unsupported system page size\xc0\x03\x80\x52\x1f\x40\x40\xf1"
	f.Add(arm.bytes())
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, raw []byte) {
		facts := read(raw)
		if facts.Err == "" && facts.Class == 0 {
			t.Errorf("Read = %+v, neither read nor refused", facts)
		}
		if len(facts.Exports)%4 != 0 || len(facts.Exports) > 4*len(raw) || !slices.IsSorted(slices.Collect(facts.Exports.All())) {
			t.Errorf("exports of %d bytes in a file of %d", len(facts.Exports), len(raw))
		}
		for _, s := range slices.Concat(facts.Imports, facts.Needed, facts.RPath, facts.RunPath, []string{facts.Interp, facts.Soname}) {
			if strings.ContainsRune(s, 0) || len(s) > len(raw) {
				t.Errorf("Read found %q, which no string of the file is", s)
			}
		}
	})
}
