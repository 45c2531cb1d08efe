package apk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A mirror opens files from memory. A program opens URLs or paths.
type mirror map[string][]byte

func (m mirror) Open(_ context.Context, url string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m[url])), nil
}

// LoadIndex reads what a mirror lists, if a key of the keyring signed it.
func ExampleLoadIndex() {
	hello, err := fixture.Package{Name: "hello", Version: "2.12-r1", Arch: "x86_64", Description: "Says hello"}.Build()
	if err != nil {
		log.Fatal(err)
	}
	signed, err := fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{hello}}.Bytes()
	if err != nil {
		log.Fatal(err)
	}

	keyring := apk.NewKeyring()
	if err := keyring.Add(fixture.TestKey().Name, fixture.TestKey().PublicPEM()); err != nil {
		log.Fatal(err)
	}
	options := apk.IndexOptions{
		Arch:       "x86_64",
		Keyring:    keyring,
		Repository: &apk.Repository{Mirrors: []string{"https://example.com/main"}},
	}
	index, err := apk.LoadIndex(context.Background(), mirror{"https://example.com/main/x86_64/APKINDEX.tar.gz": signed}, options)
	if err != nil {
		log.Fatal(err)
	}
	for p := range index.Packages() {
		fmt.Println(p, p.Description, p.URLs()[0])
	}

	options.Keyring = apk.NewKeyring() // without the key
	_, err = apk.LoadIndex(context.Background(), mirror{"https://example.com/main/x86_64/APKINDEX.tar.gz": signed}, options)
	fmt.Println("by a stranger:", errors.Is(err, apk.ErrUnknownKey))
	// Output:
	// hello-2.12-r1 Says hello https://example.com/main/x86_64/hello-2.12-r1.apk
	// by a stranger: true
}
