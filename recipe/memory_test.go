package recipe_test

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// TestMemoryFunctions compiles the memory functions of the recipe of CPython under other names, and compares them with those of this
// machine's C library.
func TestMemoryFunctions(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("gcc")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no gcc for Linux to compile them with")
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("memory.c is empty on %s, where musl's functions stay", runtime.GOARCH)
	}
	dir := t.TempDir()
	plain, object, program := filepath.Join(dir, "plain.o"), filepath.Join(dir, "memory.o"), filepath.Join(dir, "memory")
	compile := []string{compiler, "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-c", "data/cpython/memory.c"}
	renamed := slices.Clone(compile)
	for _, name := range []string{"memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen"} {
		renamed = append(renamed, "-D"+name+"=ours_"+name)
	}
	for _, command := range [][]string{
		append(renamed, "-o", object),
		{compiler, "-O1", "testdata/memory.c", object, "-o", program},
		{program},
		append(compile, "-o", plain),
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
	// A loop that the compiler makes a call of memcpy would call itself for ever.
	f, err := elf.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF {
			t.Errorf("the functions call %s", s.Name)
		}
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_RELA && s.Name == ".rela.text" {
			t.Errorf("the functions have %d relocations, so they call others or themselves", s.Size/24)
		}
	}
}
