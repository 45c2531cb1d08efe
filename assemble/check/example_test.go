package check_test

import (
	"archive/tar"
	"debug/elf"
	"fmt"
	"log"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Check finds without running anything that an image's command cannot start.
func Example() {
	entries := func(yield func(layers.Entry, error) bool) {
		yield(layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: "bin/app", Mode: 0o755},
			ELF: &layers.ELF{Machine: elf.EM_X86_64, Class: 64, Type: elf.ET_DYN, Interp: "/lib/ld-musl-x86_64.so.1", Dynamic: true}}, nil)
	}
	root, odd, err := tree.NewImage([]tree.Layer{{Name: "app", Entries: entries}})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range check.Check(check.Image{Platform: "linux/amd64", Machine: elf.EM_X86_64, Bits: 64, Config: v1.Config{Cmd: []string{"/bin/app"}},
		Tree: root, Oddities: odd}) {
		if f.Severity == check.Error {
			fmt.Println(f.Check, f.Path+":", f.Fix)
		}
	}
	// Output: elf-interpreter /bin/app: add musl, or use a build that names musl's loader by its standard path
}
