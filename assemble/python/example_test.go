package python_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// Read describes the CPython in a tarball without running it.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// The store must keep the content of the files that describe a CPython: kept.Files names them.
	store, err := layers.OpenStore(dir, kept.Files()...)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	tarball := fixture.Runtime{Arch: "x86_64"}.Bytes()
	blob, err := store.Ingest(context.Background(), layers.Source{Name: "cpython.tar.gz", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tarball)), nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	report, err := python.Read(store.Entries(blob.Digest))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Python.Version, "in", report.Prefix, "for", report.Arch, "and", report.Libc)
	fmt.Println("needs", report.Needs)
	// Output:
	// 3.13.5 in /usr/local for x86_64 and musl
	// needs [libcrypto.so.3 libffi.so.8 libssl.so.3 libz.so.1]
}
