package elf

import (
	"debug/elf"
	"slices"
)

// TLS is what the loader does for the thread-local variables of a file. It is zero for a file that has none of its own.
type TLS struct {
	Has     bool // the file has thread-local variables: a segment PT_TLS
	Initial int  // relocations for offsets that the loader fills in: the model initial-exec
	Dynamic int  // relocations for the arguments of __tls_get_addr or of a descriptor's function: general and local dynamic
}

// The models of access, from the fastest to the slowest, by the names that gcc's -ftls-model takes.
const (
	LocalExec     = "local-exec"
	InitialExec   = "initial-exec"
	GlobalDynamic = "global-dynamic"
)

// TLSModel is the slowest model by which the file's code reaches thread-local variables, as its relocations show it. It is "" for a
// file that has no variables, for a library or a static program whose code needs no relocation for them.
func (f *Facts) TLSModel() string {
	switch {
	case f.TLS.Dynamic > 0:
		return GlobalDynamic
	case f.TLS.Initial > 0:
		return InitialExec
	case f.TLS.Has && (f.Interp != "" || f.Type == elf.ET_EXEC):
		return LocalExec // the linker knew the offsets
	}
	return ""
}

// tlsKinds are the types of relocations of each model, from the ABI of the machine. A variable or a module has one of them; those
// that only add an offset to a module are left out.
func tlsKinds(machine elf.Machine) (initial, dynamic []uint64) {
	switch machine {
	case elf.EM_X86_64:
		return []uint64{uint64(elf.R_X86_64_TPOFF64)}, []uint64{uint64(elf.R_X86_64_DTPMOD64), uint64(elf.R_X86_64_TLSDESC)}
	case elf.EM_AARCH64:
		return []uint64{uint64(elf.R_AARCH64_TLS_TPREL64)}, []uint64{uint64(elf.R_AARCH64_TLS_DTPMOD64), uint64(elf.R_AARCH64_TLSDESC)}
	case elf.EM_386:
		return []uint64{uint64(elf.R_386_TLS_TPOFF), uint64(elf.R_386_TLS_TPOFF32)}, []uint64{uint64(elf.R_386_TLS_DTPMOD32), uint64(elf.R_386_TLS_DESC)}
	case elf.EM_ARM:
		return []uint64{uint64(elf.R_ARM_TLS_TPOFF32)}, []uint64{uint64(elf.R_ARM_TLS_DTPMOD32), 13} // R_ARM_TLS_DESC
	case elf.EM_PPC64:
		return []uint64{uint64(elf.R_PPC64_TPREL64)}, []uint64{uint64(elf.R_PPC64_DTPMOD64)}
	case elf.EM_S390:
		return []uint64{uint64(elf.R_390_TLS_TPOFF)}, []uint64{uint64(elf.R_390_TLS_DTPMOD)}
	case elf.EM_RISCV:
		return []uint64{uint64(elf.R_RISCV_TLS_TPREL64)}, []uint64{uint64(elf.R_RISCV_TLS_DTPMOD64), 12} // R_RISCV_TLSDESC
	case elf.EM_LOONGARCH:
		return []uint64{uint64(elf.R_LARCH_TLS_TPREL64)}, []uint64{uint64(elf.R_LARCH_TLS_DTPMOD64), 14} // R_LARCH_TLS_DESC64
	}
	return nil, nil
}

// findTLS counts the relocations. Of a file whose relocations cannot be read nothing is said.
func (f *file) findTLS(tags map[elf.DynTag]uint64) {
	if !f.TLS.Has {
		return
	}
	initial, dynamic := tlsKinds(f.Machine)
	found := f.TLS
	err := f.relocations(tags, func(_, kind uint64) error {
		switch {
		case slices.Contains(initial, kind):
			found.Initial++
		case slices.Contains(dynamic, kind):
			found.Dynamic++
		}
		return nil
	})
	if err != nil {
		found = TLS{} // nothing is said of it
	}
	f.TLS = found
}
