package recipe_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestMemoryFunctions compiles the memory functions of the recipe of CPython under other names, and compares them with those of this
// machine's C library.
func TestMemoryFunctions(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc to compile them with")
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("there are none for %s", runtime.GOARCH)
	}
	dir := t.TempDir()
	object, program := filepath.Join(dir, "memory.o"), filepath.Join(dir, "memory")
	flags := []string{"-Wall", "-Wextra", "-Werror", "-O2", "-ffreestanding", "-fno-tree-loop-distribute-patterns"}
	for _, name := range []string{"memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen"} {
		flags = append(flags, "-D"+name+"=ours_"+name)
	}
	for _, command := range [][]string{
		append(append([]string{compiler}, flags...), "-c", "data/cpython/memory.c", "-o", object),
		{compiler, "-O1", "testdata/memory.c", object, "-o", program},
		{program},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
}
