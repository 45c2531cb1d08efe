package layers_test

import (
	"testing"

	"github.com/pyimg/pyimg/layers/tree"
)

func TestTreeOfStoredLayers(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	b := ingest(t, s, gzTar(t, script("usr/bin/x", "#!/bin/sh\n"), hardlink("usr/bin/y", "usr/bin/x")))
	root, err := tree.New([]tree.Layer{{Name: "x", Entries: s.Entries(b.Digest)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := root.Lookup("usr/bin/y"); err != nil || string(n.Entry.Kept) != "#!/bin/sh" {
		t.Errorf("Lookup of a hard link = %+v, %v, want its target's content", n, err)
	}
}
