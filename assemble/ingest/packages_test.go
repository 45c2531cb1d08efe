package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/layers"
)

// one is a mirror with one file, whatever it is asked for.
type one []byte

func (o one) Open(context.Context, string) (io.ReadCloser, error) {
	if o == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(o)), nil
}

func headKey(p *apk.Package) string { return "apk-head-" + hex.EncodeToString(p.Checksum[:]) }

func withLength(b []byte, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// newHead is a head as it is written now.
func newHead(control, signature, members []byte) []byte {
	return withLength(withLength(withLength([]byte{0}, control), signature), members)
}

// TestHeads changes what was kept of a package, and asks for it again: with and without a mirror.
func TestHeads(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, fixture.Package{Name: "hello", Version: "1-r0", Scripts: map[string]string{"post-install": "#!/bin/sh\n"},
		Files: []fixture.File{{Path: "usr/share/hello", Body: []byte("hello")}}})
	p := apktest.Listed(t, a)
	p.Repository = &apk.Repository{Mirrors: []string{"http://a"}}
	control, err := apk.ParseControl(a.Control)
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(a.Control)
	other[len(other)-1]++
	for name, c := range map[string]struct {
		head []byte
		kept bool
	}{
		"as it is":                 {nil, true},
		"of an earlier version":    {slices.Concat(binary.AppendUvarint(nil, uint64(len(a.Control))), a.Control, a.Signature), true},
		"without members":          {newHead(a.Control, a.Signature, nil), true},
		"with another control":     {newHead(other, a.Signature, control.Members()), false},
		"with damaged members":     {newHead(a.Control, a.Signature, control.Members()[:9]), false},
		"cut":                      {newHead(a.Control, a.Signature, nil)[:40], false},
		"with a length beyond all": {[]byte{0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, false},
		"empty":                    {[]byte{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := layers.OpenStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			from := func(mirror one) ingest.Mirrors {
				return ingest.Mirrors{Access: input.Access{Store: store, Fetch: mirror}, Keys: apktest.Ring(t, fixture.TestKey())}
			}
			if u, err := from(a.Bytes()).Package(t.Context(), p); err != nil || !u.Fetched {
				t.Fatalf("the first time: fetched %t, %v", u.Fetched, err)
			}
			if c.head != nil {
				if err := store.SetRecord(headKey(p), c.head); err != nil {
					t.Fatal(err)
				}
			}
			u, err := from(nil).Package(t.Context(), p)
			if (err == nil) != c.kept {
				t.Fatalf("without a mirror: %v, want the kept one: %t", err, c.kept)
			}
			if u, err = from(a.Bytes()).Package(t.Context(), p); err != nil || u.Fetched == c.kept {
				t.Fatalf("with a mirror: fetched %t, %v", u.Fetched, err)
			}
			if u.Control.Checksum != p.Checksum || u.Control.Info.Name != "hello" || len(u.Control.Scripts) != 1 || u.Control.DataHash != a.DataHash() {
				t.Errorf("Control = %+v", u.Control)
			}
		})
	}
}

// TestKeptPackagesAreNotInflated has a control stream that cannot be inflated. Its checksum and what was kept of it are right.
func TestKeptPackagesAreNotInflated(t *testing.T) {
	t.Parallel()
	store, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	control := []byte("not a gzip stream")
	p := &apk.Package{Name: "hello", Version: "1-r0", Checksum: sha1.Sum(control), Repository: &apk.Repository{Mirrors: []string{"http://a"}}}
	members := withLength(withLength(nil, []byte(".PKGINFO")), []byte("pkgname = hello\npkgver = 1-r0\n"))
	if err := store.SetRecord(headKey(p), newHead(control, nil, members)); err != nil {
		t.Fatal(err)
	}
	u, err := ingest.Mirrors{Access: input.Access{Store: store, Fetch: one(nil)}}.Package(t.Context(), p)
	if err != nil || u.Fetched || u.Control.Info.Name != "hello" {
		t.Errorf("Package = %+v, %v, want the kept one", u.Control, err)
	}
}

// TestPackagesShareControls asks for a package twice in one run, and removes what was kept of it in between.
func TestPackagesShareControls(t *testing.T) {
	t.Parallel()
	store, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	control := []byte("not a gzip stream")
	p := &apk.Package{Name: "hello", Version: "1-r0", Checksum: sha1.Sum(control), Repository: &apk.Repository{Mirrors: []string{"http://a"}}}
	from := ingest.Mirrors{Access: input.Access{Store: store, Fetch: one(nil), Memo: new(memo.Memo)}}
	if u, err := from.Package(t.Context(), p); err == nil {
		t.Errorf("Package = %+v without a mirror and with an empty store, want an error", u)
	}
	members := withLength(withLength(nil, []byte(".PKGINFO")), []byte("pkgname = hello\npkgver = 1-r0\n"))
	if err := store.SetRecord(headKey(p), newHead(control, nil, members)); err != nil {
		t.Fatal(err)
	}
	first, err := from.Package(t.Context(), p)
	if err != nil || first.Fetched {
		t.Fatalf("Package = %+v, %v, want the kept one, although it was not there before", first, err)
	}
	if err := store.SetRecord(headKey(p), nil); err != nil {
		t.Fatal(err)
	}
	if again, err := from.Package(t.Context(), p); err != nil || again.Control != first.Control {
		t.Errorf("Package = %+v, %v, want the control stream that this run has read", again, err)
	}
}
