package elf_test

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	own "github.com/pyimg/pyimg/layers/elf"
)

// TestTLSModel counts relocations of all tables, on machines of both sizes.
func TestTLSModel(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		class            int
		order            binary.AppendByteOrder
		machine          elf.Machine
		rel              bool
		offset, mod, dtp int // the types of the ABI: TPOFF, DTPMOD, DTPOFF
	}{
		{64, binary.LittleEndian, elf.EM_X86_64, false, 18, 16, 17}, {64, binary.LittleEndian, elf.EM_AARCH64, false, 1030, 1028, 1029},
		{32, binary.LittleEndian, elf.EM_386, true, 14, 35, 36}, {32, binary.LittleEndian, elf.EM_ARM, true, 19, 17, 18}, {64, binary.BigEndian, elf.EM_S390, false, 56, 54, 55},
		{64, binary.LittleEndian, elf.EM_PPC64, false, 73, 68, 78}, {64, binary.LittleEndian, elf.EM_RISCV, false, 11, 7, 9}, {64, binary.LittleEndian, elf.EM_LOONGARCH, false, 11, 7, 9},
	} {
		first := elf.DT_RELA
		if m.rel {
			first = elf.DT_REL
		}
		for name, test := range map[string]struct {
			kinds            []int
			tls, library     bool
			model            string
			initial, dynamic int
		}{
			"a program":                         {tls: true, model: own.LocalExec},
			"a library that nobody uses":        {tls: true, library: true},
			"offsets":                           {tls: true, library: true, kinds: []int{m.offset, m.offset}, model: own.InitialExec, initial: 2},
			"calls":                             {tls: true, library: true, kinds: []int{m.mod, m.dtp}, model: own.GlobalDynamic, dynamic: 1},
			"both":                              {tls: true, library: true, kinds: []int{m.offset, m.mod, m.dtp}, model: own.GlobalDynamic, initial: 1, dynamic: 1},
			"a program that uses a library's":   {tls: true, kinds: []int{m.offset}, model: own.InitialExec, initial: 1},
			"no variables of its own, no model": {kinds: []int{m.mod}, library: true},
		} {
			im := sample()
			im.class, im.order, im.machine, im.rel, im.tls = m.class, m.order, m.machine, m.rel, test.tls
			if test.library {
				im.interp = ""
			}
			im.relocs = map[elf.DynTag][]reloc{elf.DT_JMPREL: {{2, 5}}} // a type that no machine has for thread-local variables
			for _, kind := range test.kinds {
				im.relocs[first] = append(im.relocs[first], reloc{0, kind})
			}
			f := read(im.bytes())
			want := own.TLS{Has: test.tls, Initial: test.initial, Dynamic: test.dynamic}
			if f.TLS != want || f.TLSModel() != test.model || f.Err != "" {
				t.Errorf("%s on %v: %+v, %q, %s; want %+v, %q", name, m.machine, f.TLS, f.TLSModel(), f.Err, want, test.model)
			}
		}
	}
}

// TestTLSOfBrokenRelocations holds a table that ends outside of the file: how the file reaches its variables is not known, and
// nothing is said of them.
func TestTLSOfBrokenRelocations(t *testing.T) {
	t.Parallel()
	im := sample()
	im.tls, im.interp = true, ""
	im.relocs = map[elf.DynTag][]reloc{elf.DT_RELA: {{0, 16}}}
	raw := im.bytes()
	for i := range len(raw) - 16 { // the dynamic segment's DT_RELASZ
		if binary.LittleEndian.Uint64(raw[i:]) == uint64(elf.DT_RELASZ) && binary.LittleEndian.Uint64(raw[i+8:]) == 24 {
			binary.LittleEndian.PutUint64(raw[i+8:], 1<<40)
		}
	}
	if f := read(raw); f.TLS != (own.TLS{}) || f.Err != "" {
		t.Errorf("%+v, %q", f.TLS, f.Err)
	}
}
