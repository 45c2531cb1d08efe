package tree_test

import (
	"archive/tar"
	"fmt"
	"iter"
	"log"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// entriesOf are the entries of a layer; those of a stored one come from layers.Store.
func entriesOf(hs ...*tar.Header) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, h := range hs {
			if !yield(layers.Entry{Header: h}, nil) {
				return
			}
		}
	}
}

// New lays layers over each other: of a path that two have, the upper one's entry counts. Lookup follows symlinks.
func ExampleNew() {
	t, err := tree.New([]tree.Layer{
		{Name: "base", Entries: entriesOf(
			&tar.Header{Typeflag: tar.TypeReg, Name: "etc/motd", Size: 10},
			&tar.Header{Typeflag: tar.TypeSymlink, Name: "var/run", Linkname: "../run"},
			&tar.Header{Typeflag: tar.TypeDir, Name: "run/"})},
		{Name: "app", Entries: entriesOf(
			&tar.Header{Typeflag: tar.TypeReg, Name: "etc/motd", Size: 20},
			&tar.Header{Typeflag: tar.TypeReg, Name: "var/run/app.pid"})},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for n := range t.All() {
		fmt.Println(n.Path, "of", t.LayerName(n.Layer))
	}
	found, err := t.Lookup("/var/run/app.pid")
	fmt.Println(found.Path, err)
	// Output:
	// etc of base
	// etc/motd of app
	// run of base
	// run/app.pid of app
	// var of base
	// var/run of base
	// run/app.pid <nil>
}
