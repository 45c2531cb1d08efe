package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

const (
	// maxCode bounds how much code of one file is searched. jemalloc has 0.6 MB, with C++ and debugging 8 MB.
	maxCode = 8 << 20
	// pageWindow is how far behind the question for the page size its answer is compared, in instructions; 9 in builds
	// that were looked at.
	pageWindow = 32
)

// jemalloc's complaint where the kernel's pages are larger than its own (src/pages.c, pages_boot).
const pageComplaint = "<jemalloc>: Unsupported system page size"

// findPage finds the page size that a jemalloc was built for. It is a constant of the build (--with-lg-page; by default
// that of the build machine). Only the code has it: pages_boot calls sysconf(_SC_PAGESIZE) and compares the result.
func (f *file) findPage() error {
	if !f.Malloc || f.Machine != elf.EM_AARCH64 || f.BigEndian {
		return nil
	}
	complains, found := false, uint64(0)
	for _, s := range f.loads {
		text := make([]byte, min(s.filesz, maxCode, uint64(f.size)))
		if err := f.at(text, s.off); err != nil {
			return fmt.Errorf("looking for jemalloc's page size: %w", err)
		}
		complains = complains || bytes.Contains(text, []byte(pageComplaint))
		if s.flags&elf.PF_X != 0 && found == 0 {
			found = comparedPage(text)
		}
	}
	if complains {
		f.Page = found
	}
	return nil
}

// comparedPage finds "mov w0, #30" (_SC_PAGESIZE) and after it "cmp xN, #pages, lsl #12", and returns pages in bytes.
// It returns 0 if there is no such pair, or if several differ. See the Arm A64 instruction set, MOVZ and SUBS
// (immediate).
func comparedPage(text []byte) uint64 {
	const (
		askPageSize          = 0x528003c0
		compare, compareMask = 0xf140001f, 0xffc0001f
		immediate            = 10 // its lowest bit
	)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(text[4*i:]) }
	found, n := uint64(0), len(text)/4
	for i := range n {
		if word(i) != askPageSize {
			continue
		}
		for j := i + 1; j < min(i+1+pageWindow, n); j++ {
			c := word(j)
			if c&compareMask != compare {
				continue
			}
			size := uint64(c>>immediate&0xfff) << 12
			if size == 0 || size&(size-1) != 0 || found != 0 && found != size {
				return 0
			}
			found = size
			break
		}
	}
	return found
}
