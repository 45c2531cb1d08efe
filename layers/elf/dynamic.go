package elf

import (
	"debug/elf"
	"fmt"
	"strings"
)

// dynamic reads the dynamic segment: a list of tags and values that ends with DT_NULL.
func (f *file) dynamic(s segment) error {
	width := uint64(f.Class / 4)
	raw := make([]byte, min(s.filesz, maxDynamic*width)/width*width)
	if err := f.at(raw, s.off); err != nil {
		return fmt.Errorf("reading the dynamic segment: %w", err)
	}
	var needed []uint64
	tags := map[elf.DynTag]uint64{}
	for ; len(raw) > 0; raw = raw[width:] {
		tag, value := elf.DynTag(f.word(raw)), f.word(raw[width/2:])
		if tag == elf.DT_NULL {
			break
		}
		if tag != elf.DT_NEEDED {
			tags[tag] = value
		} else if needed = append(needed, value); len(needed) > maxNeeded {
			return fmt.Errorf("reading the dynamic segment: more than %d needed libraries", maxNeeded)
		}
	}
	if err := f.strings(tags, needed); err != nil {
		return fmt.Errorf("reading the dynamic strings: %w", err)
	}
	if err := f.findMalloc(tags); err != nil {
		return fmt.Errorf("looking up malloc: %w", err)
	}
	f.findSymbols(tags)
	f.findTLS(tags)
	return nil
}

// word reads an Elf32_Word or Elf64_Xword.
func (f *file) word(b []byte) uint64 {
	if f.Class == 64 {
		return f.order.Uint64(b)
	}
	return uint64(f.order.Uint32(b))
}

func (f *file) strings(tags map[elf.DynTag]uint64, needed []uint64) error {
	table, ok := tags[elf.DT_STRTAB]
	if !ok {
		return nil
	}
	base, err := f.offset(table)
	if err != nil {
		return err
	}
	for _, n := range needed {
		name, err := f.text(base + n)
		if err != nil {
			return err
		}
		f.Needed = append(f.Needed, name)
	}
	for _, want := range []struct {
		tag elf.DynTag
		set func(string)
	}{
		{elf.DT_SONAME, func(s string) { f.Soname = s }},
		{elf.DT_RPATH, func(s string) { f.RPath = split(s) }},
		{elf.DT_RUNPATH, func(s string) { f.RunPath = split(s) }},
	} {
		n, ok := tags[want.tag]
		if !ok {
			continue
		}
		text, err := f.text(base + n)
		if err != nil {
			return err
		}
		want.set(text)
	}
	return nil
}

func split(paths string) []string {
	if paths == "" {
		return nil
	}
	return strings.Split(paths, ":")
}

// findMalloc looks up malloc as the loader does, through the hash table. If the section headers are stripped, only that
// table bounds the dynamic symbols.
func (f *file) findMalloc(tags map[elf.DynTag]uint64) error {
	t, ok, err := f.symbols(tags)
	if err != nil || !ok {
		return err
	}
	if at, ok := tags[elf.DT_GNU_HASH]; ok {
		f.Malloc, err = t.gnuHash(at)
		return err
	}
	if at, ok := tags[elf.DT_HASH]; ok {
		f.Malloc, err = t.sysvHash(at)
		return err
	}
	return nil
}

// symbolTable says where the file has the dynamic symbols and their names.
type symbolTable struct {
	*file
	symbols, names uint64
}

func (f *file) symbols(tags map[elf.DynTag]uint64) (t symbolTable, ok bool, err error) {
	symbols, ok1 := tags[elf.DT_SYMTAB]
	names, ok2 := tags[elf.DT_STRTAB]
	if !ok1 || !ok2 {
		return t, false, nil
	}
	t.file = f
	if t.symbols, err = f.offset(symbols); err != nil {
		return t, false, err
	}
	t.names, err = f.offset(names)
	return t, err == nil, err
}

const malloc = "malloc"

// isMalloc reports whether symbol i is a malloc that this file defines.
func (t symbolTable) isMalloc(i uint64) (bool, error) {
	s, err := t.symbol(i)
	if err != nil || !s.defined {
		return false, err
	}
	var name [len(malloc) + 1]byte
	if err := t.at(name[:], t.names+s.name); err != nil {
		return false, err
	}
	return string(name[:]) == malloc+"\x00", nil
}

// gnuHash searches a DT_GNU_HASH table: four words, a Bloom filter of address-sized words, buckets, then one hash for
// each symbol. The lowest bit of a hash ends a chain (https://flapenguin.me/elf-dt-gnu-hash).
func (t symbolTable) gnuHash(vaddr uint64) (bool, error) {
	base, err := t.offset(vaddr)
	if err != nil {
		return false, err
	}
	var head [16]byte
	if err := t.at(head[:], base); err != nil {
		return false, err
	}
	buckets, first := uint64(t.order.Uint32(head[0:])), uint64(t.order.Uint32(head[4:]))
	bloom := uint64(t.order.Uint32(head[8:])) * uint64(t.Class/8)
	if buckets == 0 {
		return false, nil
	}
	hash := uint32(5381)
	for _, c := range []byte(malloc) {
		hash = hash*33 + uint32(c)
	}
	table := base + uint64(len(head)) + bloom
	i, err := t.half(table + uint64(hash)%buckets*4)
	if err != nil || i < first {
		return false, err // no symbol has such a hash
	}
	for range maxChain {
		h, err := t.half(table + (buckets+i-first)*4)
		if err != nil {
			return false, err
		}
		if h|1 == uint64(hash|1) {
			if found, err := t.isMalloc(i); found || err != nil {
				return found, err
			}
		}
		if h&1 == 1 {
			return false, nil
		}
		i++
	}
	return false, fmt.Errorf("a hash chain of more than %d symbols", maxChain)
}

// half reads the 32-bit word at off.
func (t symbolTable) half(off uint64) (uint64, error) {
	var b [4]byte
	err := t.at(b[:], off)
	return uint64(t.order.Uint32(b[:])), err
}

// sysvHash searches a DT_HASH table: counts of buckets and chains, the buckets, then each symbol's successor (System V
// ABI, "Hash Table"). Its words have 64 bits on 64-bit S/390 and 32 bits everywhere else.
func (t symbolTable) sysvHash(vaddr uint64) (bool, error) {
	base, err := t.offset(vaddr)
	if err != nil {
		return false, err
	}
	entry := func(i uint64) (uint64, error) { return t.half(base + i*4) }
	if t.Machine == elf.EM_S390 && t.Class == 64 {
		entry = func(i uint64) (uint64, error) {
			var b [8]byte
			err := t.at(b[:], base+i*8)
			return t.order.Uint64(b[:]), err
		}
	}
	buckets, err := entry(0)
	if err != nil || buckets == 0 {
		return false, err
	}
	i, err := entry(2 + uint64(sysvSum(malloc))%buckets)
	for range maxChain {
		if err != nil || i == 0 {
			return false, err
		}
		if found, err := t.isMalloc(i); found || err != nil {
			return found, err
		}
		if buckets > uint64(t.size) || i > uint64(t.size) {
			return false, fmt.Errorf("chain %d is outside the file", i)
		}
		i, err = entry(2 + buckets + i)
	}
	return false, fmt.Errorf("a hash chain of more than %d symbols", maxChain)
}

func sysvSum(name string) uint32 {
	var h uint32
	for _, c := range []byte(name) {
		h = h<<4 + uint32(c)
		g := h & 0xf0000000
		h = (h ^ g>>24) &^ g
	}
	return h
}
