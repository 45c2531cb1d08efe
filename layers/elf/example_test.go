package elf_test

import (
	"bytes"
	"fmt"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers/elf"
)

// Read finds out what a program needs of an image, from its bytes alone.
func ExampleRead() {
	program := fixture.Executable("aarch64", "libz.so.1").Bytes()
	if !elf.IsELF(program[:4]) {
		fmt.Println("not an ELF file")
		return
	}
	facts := elf.Read(bytes.NewReader(program), int64(len(program)), elf.Options{})
	// The file may be damaged: then Err says what could not be read, and the other fields have the rest.
	if facts.Err != "" {
		fmt.Println(facts.Err)
	}
	fmt.Println("machine:", facts.Machine)
	fmt.Println("loader: ", facts.Interp)
	fmt.Println("needs:  ", facts.Needed)
	fmt.Println("glibc:  ", facts.GLIBC())
	// Output:
	// machine: EM_AARCH64
	// loader:  /lib/ld-musl-aarch64.so.1
	// needs:   [libz.so.1 libc.musl-aarch64.so.1]
	// glibc:   false
}
