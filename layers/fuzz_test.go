package layers_test

import (
	"archive/tar"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// FuzzIngest feeds both the tar reader, through sound gzip, and the inflaters.
func FuzzIngest(f *testing.F) {
	f.Add(tarball(f, dir("usr"), script("usr/x", "#!/bin/sh\n"), hardlink("usr/y", "usr/x"), symlink("usr/z", "../x")), true)
	f.Add(tarball(f, file("../x", ""), file(strings.Repeat("long/", 60)+"x", "")), true)
	f.Add(tarball(f, file("lib/x.so", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 100))), true)
	f.Add(gzTar(f, file("x", "1")), false)
	f.Add(zst(f, tarball(f, file("x", "1"))), false)
	sparse, err := os.ReadFile("testdata/sparse.tar.gz")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sparse, false)
	f.Fuzz(func(t *testing.T, raw []byte, pack bool) {
		if pack {
			raw = gz(t, raw)
		}
		folder := t.TempDir()
		s := openStoreIn(t, folder)
		b, err := s.Ingest(t.Context(), source("x", raw))
		if err != nil {
			if left := stored(t, folder); len(left) > 0 {
				t.Errorf("left are %q after %v, want nothing", left, err)
			}
			return
		}
		if b.Digest != digest(raw) || b.Size != int64(len(raw)) {
			t.Errorf("Ingest = %+v, want %s of %d bytes", b, digest(raw), len(raw))
		}
		checkEntries(t, s, b)
		// What was taken can be made into a sound layer, or there is a reason why not.
		made, err := s.Rewrite(t.Context(), "all", layers.MakeOptions{Level: 1}, []string{b.Digest}, keepEach)
		if err != nil {
			return
		}
		if faults, err := s.Faults(made.Digest); err != nil || len(faults) > 0 {
			t.Errorf("Faults of a made layer = %v, %v, want none", faults, err)
		}
		checkEntries(t, s, made)
	})
}

func checkEntries(t *testing.T, s *layers.Store, b layers.Blob) {
	t.Helper()
	for e, err := range s.Entries(b.Digest) {
		if err != nil {
			t.Error(err)
			return
		}
		if p := e.Path(); strings.HasPrefix(p, "/") || strings.HasPrefix(p+"/", "../") || strings.Contains(p, "\x00") {
			t.Errorf("an entry's path is %q", p)
		}
		if e.Header.Typeflag == tar.TypeReg && e.Header.Size < 0 {
			t.Errorf("an entry's size is %d", e.Header.Size)
		}
	}
}

// FuzzFacts feeds the facts next to a blob, with a checksum that fits: what decodes must not be harmful, and what does
// not must be made again from the blob.
func FuzzFacts(f *testing.F) {
	const magic, head = 8, 12
	raw := gzTar(f, dir("usr"), script("usr/x", "#!/bin/sh\n"), file("./usr/lib.so", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 100)),
		file("etc/passwd", "root"), member{header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/x", Devmajor: 1}})
	folder := f.TempDir()
	s := openStoreIn(f, folder)
	b := ingest(f, s, raw)
	sound, err := os.ReadFile(factsFile(folder, b.Digest))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound[head:], true)
	f.Add(sound[head:len(sound)-20], true)
	f.Add(sound[head:head+64], true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, body []byte, own bool) {
		if sum, _ := hex.DecodeString(b.Digest[7:]); own && len(body) >= len(sum) {
			copy(body, sum)
		}
		file := append(append([]byte{}, sound[:magic]...), 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(file[magic:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		if err := os.WriteFile(factsFile(folder, b.Digest), append(file, body...), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStoreIn(t, folder)
		for _, err := range s.Entries(b.Digest) {
			if errors.Is(err, fs.ErrNotExist) { // of another size: the blob was given up
				ingest(t, s, raw)
			}
		}
	})
}
