// Package elf reads from an ELF file what an image must know of it: its machine, the libraries that it needs, and
// whether it is an allocator.
//
// It uses the program headers, as the loader does. Section headers may be stripped or wrong. The bytes are foreign, so
// every count and length is bounded. If a part cannot be understood, [Facts.Err] says so, and the other fields have
// what was read before.
package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Facts are what an image must know of one ELF file.
type Facts struct {
	Class     int // 32 or 64; 0 if the header is not valid
	BigEndian bool
	Machine   elf.Machine
	Type      elf.Type
	Flags     uint32 // e_flags: on ARM and RISC-V they name the ABI
	Interp    string // the loader, PT_INTERP
	Dynamic   bool   // has a dynamic segment: it is linked dynamically or position-independent
	Soname    string
	Needed    []string // DT_NEEDED, in order
	RPath     []string // DT_RPATH, split at colons
	RunPath   []string // DT_RUNPATH, split at colons
	// Malloc reports whether it exports a function malloc, as an allocator for LD_PRELOAD does.
	Malloc bool
	// Align is the largest p_align of its PT_LOAD segments. A kernel with larger pages cannot map the file.
	Align uint64
	// Page is for a jemalloc for 64-bit ARM: the page size in bytes that it was built for, read from its code. It does
	// not start on a kernel with larger pages. Page is 0 if that is not known, and for all other files.
	Page uint64
	// Symtab reports whether its section headers name a symbol table, which strip(1) would have removed.
	Symtab bool
	// TLS is what the loader does for its thread-local variables.
	TLS TLS
	// Exports are the names that it defines for others.
	Exports Hashes
	// Imports are the names that it needs of others, sorted, without those that may be missing (weak symbols). Options.Imports asks
	// for them.
	Imports []string
	// Opaque reports that Exports may lack names: its symbols could not be read.
	Opaque bool
	// Err says what could not be understood. The other fields have what was read before.
	Err string
}

// GLIBC reports whether the file is linked to glibc: its loader or the C library that it needs shows that (ld.so(8)).
func (f *Facts) GLIBC() bool {
	loader := path.Base(f.Interp)
	if strings.HasPrefix(loader, "ld-linux") || strings.HasPrefix(loader, "ld64.so.") || loader == "ld.so.1" {
		return true
	}
	for _, n := range f.Needed {
		if n == "libc.so.6" || strings.HasPrefix(n, "ld-linux") {
			return true
		}
	}
	return false
}

// Bounds on a valid file. The largest files seen have 20 segments, 200 dynamic entries and paths of 300 bytes.
const (
	maxSegments = 1024
	maxSections = 4096
	maxDynamic  = 4096
	maxNeeded   = 1024
	maxString   = 4096
	maxChain    = 1 << 16 // symbols looked at in one hash chain
)

// IsELF reports whether head begins as an ELF file does.
func IsELF(head []byte) bool { return len(head) >= 4 && string(head[:4]) == elf.ELFMAG }

// Options say what else Read is to find.
type Options struct {
	Imports bool // takes reading all relocations
}

// Read returns the facts of the size bytes in r. They must begin as an ELF file does.
func Read(r io.ReaderAt, size int64, o Options) *Facts {
	p := &file{r: r, size: size, imports: o.Imports}
	if err := p.read(); err != nil {
		p.Err = err.Error()
	}
	return &p.Facts
}

type file struct {
	Facts
	r     io.ReaderAt
	size  int64
	order binary.ByteOrder
	loads []segment

	imports bool // are asked for

	// Buffers for what is read in many small parts. A local array would be allocated at each call, because r.ReadAt gets it.
	short [128]byte // a symbol or a piece of a string, until the next one is read
	table []byte    // a piece of a table, see piece
}

// A segment is a program header.
type segment struct {
	kind                         elf.ProgType
	flags                        elf.ProgFlag
	off, vaddr, filesz, memAlign uint64
}

func (f *file) read() error {
	segments, err := f.header()
	if err != nil {
		return fmt.Errorf("reading the ELF header: %w", err)
	}
	f.Symtab = f.hasSymtab()
	var dynamic *segment
	for i, s := range segments {
		switch s.kind {
		case elf.PT_LOAD:
			f.loads = append(f.loads, s)
			f.Align = max(f.Align, s.memAlign)
		case elf.PT_DYNAMIC:
			dynamic = &segments[i]
		case elf.PT_TLS:
			f.TLS.Has = true
		case elf.PT_INTERP:
			if f.Interp, err = f.text(s.off); err != nil {
				return fmt.Errorf("reading the loader's name: %w", err)
			}
		}
	}
	if dynamic == nil {
		return nil
	}
	f.Dynamic = true
	if err := f.dynamic(*dynamic); err != nil {
		return err
	}
	return f.findPage()
}

// header reads the ELF header and the program headers (elf(5)).
func (f *file) header() ([]segment, error) {
	var ident [elf.EI_NIDENT]byte
	if err := f.at(ident[:], 0); err != nil {
		return nil, err
	}
	switch class := elf.Class(ident[elf.EI_CLASS]); class {
	case elf.ELFCLASS32, elf.ELFCLASS64:
		f.Class = 32 * int(class)
	default:
		return nil, fmt.Errorf("unknown class %d", int(class))
	}
	switch data := elf.Data(ident[elf.EI_DATA]); data {
	case elf.ELFDATA2LSB:
		f.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.order, f.BigEndian = binary.BigEndian, true
	default:
		return nil, fmt.Errorf("unknown byte order %d", int(data))
	}
	return f.programHeaders()
}

func (f *file) programHeaders() ([]segment, error) {
	raw := make([]byte, 64)
	if f.Class == 32 {
		raw = raw[:52]
	}
	if err := f.at(raw, 0); err != nil {
		return nil, err
	}
	f.Type = elf.Type(f.order.Uint16(raw[16:]))
	f.Machine = elf.Machine(f.order.Uint16(raw[18:]))
	var off uint64
	var entry, count int
	if f.Class == 64 {
		off, f.Flags = f.order.Uint64(raw[32:]), f.order.Uint32(raw[48:])
		entry, count = int(f.order.Uint16(raw[54:])), int(f.order.Uint16(raw[56:]))
	} else {
		off, f.Flags = uint64(f.order.Uint32(raw[28:])), f.order.Uint32(raw[36:])
		entry, count = int(f.order.Uint16(raw[42:])), int(f.order.Uint16(raw[44:]))
	}
	if count == 0 {
		return nil, nil
	}
	if want := 24*f.Class/32 + 8; entry != want {
		return nil, fmt.Errorf("program headers of %d bytes, want %d", entry, want)
	}
	if count > maxSegments {
		return nil, fmt.Errorf("%d program headers, more than %d", count, maxSegments)
	}
	table := make([]byte, entry*count)
	if err := f.at(table, off); err != nil {
		return nil, err
	}
	segments := make([]segment, count)
	for i := range segments {
		segments[i] = f.segment(table[i*entry:])
	}
	return segments, nil
}

// hasSymtab looks for a SHT_SYMTAB section, as file(1) does to report "not stripped". Sections may be wrong or missing
// without harm to a loader: hasSymtab returns false then.
func (f *file) hasSymtab() bool {
	raw := make([]byte, 64)
	if f.Class == 32 {
		raw = raw[:52]
	}
	if f.at(raw, 0) != nil {
		return false
	}
	var off uint64
	tail := raw[len(raw)-6:] // e_shentsize, e_shnum, e_shstrndx
	if f.Class == 64 {
		off = f.order.Uint64(raw[40:])
	} else {
		off = uint64(f.order.Uint32(raw[32:]))
	}
	size, count := int(f.order.Uint16(tail)), int(f.order.Uint16(tail[2:]))
	if size < 8 || size > 64 || count > maxSections {
		return false
	}
	table := make([]byte, size*count)
	if f.at(table, off) != nil {
		return false
	}
	for ; len(table) > 0; table = table[size:] {
		if elf.SectionType(f.order.Uint32(table[4:])) == elf.SHT_SYMTAB {
			return true
		}
	}
	return false
}

func (f *file) segment(b []byte) segment {
	kind := elf.ProgType(f.order.Uint32(b))
	if f.Class == 64 {
		return segment{kind, elf.ProgFlag(f.order.Uint32(b[4:])), f.order.Uint64(b[8:]), f.order.Uint64(b[16:]), f.order.Uint64(b[32:]), f.order.Uint64(b[48:])}
	}
	word := func(i int) uint64 { return uint64(f.order.Uint32(b[i:])) }
	return segment{kind, elf.ProgFlag(word(24)), word(4), word(8), word(16), word(28)}
}

// at fills b from offset off.
func (f *file) at(b []byte, off uint64) error {
	if off > uint64(f.size) || uint64(len(b)) > uint64(f.size)-off {
		return fmt.Errorf("%d bytes at %d are outside the file of %d bytes", len(b), off, f.size)
	}
	n, err := f.r.ReadAt(b, int64(off))
	if n == len(b) {
		return nil
	}
	return err
}

// piece returns n bytes for a piece of a table, until piece is called again.
func (f *file) piece(n int) []byte {
	f.table = slices.Grow(f.table[:0], n)[:n]
	return f.table
}

var errNoEnd = errors.New("a string has no end")

// text reads the NUL-terminated string at off.
func (f *file) text(off uint64) (string, error) {
	var out []byte
	for len(out) < maxString {
		if off >= uint64(f.size) {
			return "", errNoEnd
		}
		b := f.short[:min(uint64(len(f.short)), uint64(f.size)-off)]
		if err := f.at(b, off); err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(out) + string(b[:i]), nil
		}
		out, off = append(out, b...), off+uint64(len(b))
	}
	return "", errNoEnd
}

// offset returns the offset in the file of the byte that is loaded at vaddr.
func (f *file) offset(vaddr uint64) (uint64, error) {
	for _, s := range f.loads {
		if vaddr >= s.vaddr && vaddr-s.vaddr < s.filesz {
			return s.off + (vaddr - s.vaddr), nil
		}
	}
	return 0, fmt.Errorf("address %#x is in no loaded segment", vaddr)
}
