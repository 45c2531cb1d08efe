package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/audit"
)

// File compares a wheel's tags with its machine code. This wheel's tag names another machine than its extension module is for.
func ExampleFile() {
	module := fixture.ELF{Arch: "x86_64", Needed: []string{"libc.musl-x86_64.so.1", "libz.so.1"}}
	w := wheeltest.Wheel{Name: "demo", Tag: "cp313-cp313-musllinux_1_2_aarch64", Files: []wheeltest.File{{Name: "demo.so", Data: string(module.Bytes())}}}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, w.Filename())
	if err := os.WriteFile(name, w.Bytes(), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	report, err := audit.File(context.Background(), name, audit.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("libraries of the system:", report.Needs)
	for _, f := range report.Errors {
		fmt.Println(f)
	}
	// Output:
	// libraries of the system: [libz.so.1]
	// demo.so: is for the machine x86_64, the tag says aarch64
}
