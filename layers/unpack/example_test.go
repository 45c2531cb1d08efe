package unpack_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/pyimg/pyimg/layers/unpack"
)

// Layer writes the files of a tar into an empty folder.
func ExampleLayer() {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755})
	if err == nil {
		err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/motd", Mode: 0o644, Size: 6})
	}
	if err == nil {
		_, err = w.Write([]byte("hello\n"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	size, err := unpack.Layer(&layer, dir, unpack.Options{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := unpack.ReadFile([]string{dir}, "/etc/motd", 100)
	fmt.Printf("%d bytes: %s%v\n", size, text, err)
	// Output:
	// 6 bytes: hello
	// <nil>
}
