package source_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
)

// A Checker sees a wheel's bytes while they are copied, and then compares them with the size and the hashes that are known.
func ExampleFile_Checker() {
	name, err := tag.ParseFilename("demo-1.0-py3-none-any.whl")
	if err != nil {
		fmt.Println(err)
		return
	}
	hashes, err := source.ParseHashes(map[string]string{"sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"})
	if err != nil {
		fmt.Println(err)
		return
	}
	f := source.File{Filename: name, Size: 5, Hashes: hashes}
	for _, body := range []string{"hello", "hallo"} {
		c := f.Checker()
		if _, err := io.Copy(io.MultiWriter(io.Discard, c), strings.NewReader(body)); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(body, "is the file:", c.Check() == nil)
	}
	// Output:
	// hello is the file: true
	// hallo is the file: false
}
