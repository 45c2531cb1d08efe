package elf

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// Bounds on the symbols of a file. The largest libraries of C++ and Rust have 200,000 symbols and a million relocations.
const (
	maxSymbols = 1 << 20
	maxNames   = 1 << 17 // names that a file needs
)

// Hashes are the GNU hashes of names, without their lowest bits, sorted: four bytes each, little-endian. Files have many names, and
// most of these are never asked for.
type Hashes string

// All yields the hashes.
func (h Hashes) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for ; len(h) >= 4; h = h[4:] {
			if !yield(uint32(h[0]) | uint32(h[1])<<8 | uint32(h[2])<<16 | uint32(h[3])<<24) {
				return
			}
		}
	}
}

func newHashes(all []uint32) Hashes {
	slices.Sort(all)
	all = slices.Compact(all)
	text := make([]byte, 0, 4*len(all))
	for _, h := range all {
		text = binary.LittleEndian.AppendUint32(text, h)
	}
	return Hashes(text)
}

// Hash is the hash of one name.
func Hash(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h &^ 1
}

// findSymbols reads what the file exports and, if that is asked for, what it imports. What cannot be read does the file no harm.
func (f *file) findSymbols(tags map[elf.DynTag]uint64) {
	t, ok, err := f.symbols(tags)
	if err != nil {
		f.Opaque = true
	}
	if err != nil || !ok {
		return
	}
	exports, err := t.exports(tags)
	if err != nil {
		f.Opaque = true
	}
	f.Exports = newHashes(exports)
	if !f.imports || f.Machine == elf.EM_MIPS { // whose relocations have another form, and a part of them is in a table of its own
		return
	}
	if f.Imports, err = t.imports(tags); err != nil {
		f.Imports = nil
	}
}

// exports are the hashes of the symbols that the file defines. A GNU hash table has them itself, with a bit that ends a chain.
func (t symbolTable) exports(tags map[elf.DynTag]uint64) ([]uint32, error) {
	if at, ok := tags[elf.DT_GNU_HASH]; ok {
		return t.gnuExports(at)
	}
	if at, ok := tags[elf.DT_HASH]; ok {
		return t.sysvExports(at)
	}
	return nil, nil
}

func (t symbolTable) gnuExports(vaddr uint64) ([]uint32, error) {
	base, err := t.offset(vaddr)
	if err != nil {
		return nil, err
	}
	var head [16]byte
	if err := t.at(head[:], base); err != nil {
		return nil, err
	}
	buckets, first := uint64(t.order.Uint32(head[0:])), uint64(t.order.Uint32(head[4:]))
	table := base + uint64(len(head)) + uint64(t.order.Uint32(head[8:]))*uint64(t.Class/8)
	last := uint64(0) // the symbol that the last chain begins with
	err = t.halves(table, buckets, func(i uint32) bool {
		last = max(last, uint64(i))
		return true
	})
	if err != nil || last < first || last == 0 {
		return nil, err
	}
	var all []uint32
	chains, ended := table+4*buckets, false
	err = t.halves(chains, maxSymbols, func(h uint32) bool {
		all = append(all, h&^1)
		ended = h&1 == 1 && uint64(len(all)) > last-first
		return !ended
	})
	if err == nil && !ended {
		err = fmt.Errorf("more than %d symbols", maxSymbols)
	}
	if err != nil {
		return all, err
	}
	return t.onlyDefined(all, first)
}

// onlyDefined leaves out the hashes of symbols that are not defined, which linkers list now and then. The symbols begin at first.
func (t symbolTable) onlyDefined(all []uint32, first uint64) ([]uint32, error) {
	size := t.symbolSize()
	if first > uint64(t.size) { // keeps the product below in range
		return nil, fmt.Errorf("symbol %d is outside the file", first)
	}
	defined, buf := all[:0], t.piece(128*size)
	for from := 0; from < len(all); {
		n := min(len(all)-from, len(buf)/size)
		if err := t.at(buf[:n*size], t.symbols+(first+uint64(from))*uint64(size)); err != nil {
			return nil, err
		}
		for i := range n {
			if t.parse(buf[i*size:]).defined {
				defined = append(defined, all[from+i])
			}
		}
		from += n
	}
	return defined, nil
}

// halves calls do with 32-bit words from off on, at most so many, until it returns false. do must not read the file: the buffer
// is in use.
func (t symbolTable) halves(off, most uint64, do func(uint32) bool) error {
	if most > maxSymbols {
		return fmt.Errorf("a table of %d words, more than %d", most, maxSymbols)
	}
	buf := t.piece(4096)
	for most > 0 {
		n := min(most*4, uint64(len(buf)))
		if left := uint64(t.size) - min(off, uint64(t.size)); left >= 4 {
			n = min(n, left/4*4) // the end of a table of chains is not known beforehand
		}
		if err := t.at(buf[:n], off); err != nil {
			return err
		}
		for i := uint64(0); i < n; i += 4 {
			if !do(t.order.Uint32(buf[i:])) {
				return nil
			}
		}
		off, most = off+n, most-n/4
	}
	return nil
}

// sysvExports reads each symbol of a DT_HASH table, which says how many there are.
func (t symbolTable) sysvExports(vaddr uint64) ([]uint32, error) {
	base, err := t.offset(vaddr)
	if err != nil {
		return nil, err
	}
	var head [16]byte
	if err := t.at(head[:], base); err != nil {
		return nil, err
	}
	count := uint64(t.order.Uint32(head[4:]))
	if t.Machine == elf.EM_S390 && t.Class == 64 {
		count = t.order.Uint64(head[8:])
	}
	if count > maxNames {
		return nil, fmt.Errorf("%d symbols, more than %d", count, maxNames)
	}
	var all []uint32
	for i := uint64(1); i < count; i++ {
		s, err := t.symbol(i)
		if err != nil {
			return nil, err
		}
		if !s.defined {
			continue
		}
		name, err := t.text(t.names + s.name)
		if err != nil {
			return nil, err
		}
		all = append(all, Hash(name))
	}
	return all, nil
}

// dynamicSymbol is an entry of the table.
type dynamicSymbol struct {
	name    uint64 // from the begin of the names
	defined bool
	binding elf.SymBind
}

// symbolSize is the size of an entry, in bytes.
func (t symbolTable) symbolSize() int {
	if t.Class == 32 {
		return elf.Sym32Size
	}
	return elf.Sym64Size
}

// parse reads an entry.
func (t symbolTable) parse(raw []byte) dynamicSymbol {
	info, section := raw[4], t.order.Uint16(raw[6:])
	if t.Class == 32 {
		info, section = raw[12], t.order.Uint16(raw[14:])
	}
	return dynamicSymbol{uint64(t.order.Uint32(raw)), elf.SectionIndex(section) != elf.SHN_UNDEF, elf.ST_BIND(info)}
}

// symbol reads symbol i.
func (t symbolTable) symbol(i uint64) (s dynamicSymbol, err error) {
	raw := t.short[:t.symbolSize()]
	if i > uint64(t.size) { // keeps the product below in range
		return s, fmt.Errorf("symbol %d is outside the file", i)
	}
	if err := t.at(raw, t.symbols+i*uint64(len(raw))); err != nil {
		return s, err
	}
	return t.parse(raw), nil
}

// imports are the names of the symbols that relocations need and that the file does not define. A loader refuses the file where it
// finds none of that name, unless the symbol is weak. Symbols that nothing refers to do no harm.
func (t symbolTable) imports(tags map[elf.DynTag]uint64) ([]string, error) {
	var needed symbolSet
	err := t.relocations(tags, func(symbol, kind uint64) error {
		if kind == 0 || symbol == 0 {
			return nil
		}
		if symbol > uint64(t.size)/16 {
			return fmt.Errorf("symbol %d is outside the file", symbol)
		}
		needed.add(symbol)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range needed.all() {
		s, err := t.symbol(i)
		if err != nil {
			return nil, err
		}
		if s.defined || s.binding == elf.STB_WEAK || s.binding == elf.STB_LOCAL {
			continue
		}
		name, err := t.text(t.names + s.name)
		if err != nil {
			return nil, err
		}
		if names = append(names, name); len(names) > maxNames {
			return nil, fmt.Errorf("more than %d names", maxNames)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// relocations calls do with the symbol and the type of each relocation, until it returns an error. do must not read the file: the buffer
// is in use.
func (f *file) relocations(tags map[elf.DynTag]uint64, do func(symbol, kind uint64) error) error {
	for _, table := range []struct{ at, size elf.DynTag }{{elf.DT_RELA, elf.DT_RELASZ}, {elf.DT_REL, elf.DT_RELSZ}, {elf.DT_JMPREL, elf.DT_PLTRELSZ}} {
		at, ok := tags[table.at]
		if !ok {
			continue
		}
		entry := uint64(f.Class / 4) // r_offset and r_info
		if table.at == elf.DT_RELA || table.at == elf.DT_JMPREL && elf.DynTag(tags[elf.DT_PLTREL]) == elf.DT_RELA {
			entry += uint64(f.Class / 8) // r_addend
		}
		if err := f.relocationTable(at, tags[table.size], entry, do); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) relocationTable(vaddr, size, entry uint64, do func(symbol, kind uint64) error) error {
	off, err := f.offset(vaddr)
	if err != nil {
		return err
	}
	if size > uint64(f.size) {
		return fmt.Errorf("%d bytes of relocations in a file of %d", size, f.size)
	}
	buf := f.piece(512 * int(entry))
	for size >= entry {
		n := min(size/entry*entry, uint64(len(buf)))
		if err := f.at(buf[:n], off); err != nil {
			return err
		}
		for r := buf[:n]; len(r) > 0; r = r[entry:] {
			if err := do(f.relocation(r)); err != nil {
				return err
			}
		}
		off, size = off+n, size-n
	}
	return nil
}

// relocation splits r_info.
func (f *file) relocation(entry []byte) (symbol, kind uint64) {
	if f.Class == 64 {
		info := f.order.Uint64(entry[8:])
		return info >> 32, info & 0xffffffff
	}
	info := uint64(f.order.Uint32(entry[4:]))
	return info >> 8, info & 0xff
}

// symbolSet is a set of symbols' numbers, a bit each.
type symbolSet []uint64

func (s *symbolSet) add(i uint64) {
	if need := int(i/64) + 1; need > len(*s) {
		*s = append(*s, make([]uint64, need-len(*s))...)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s symbolSet) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(uint64(64*i + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}
