package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func open(data []byte) (*archive.Archive, error) {
	return archive.Open(bytes.NewReader(data), int64(len(data)))
}

// readAll opens an archive and unpacks all its members.
func readAll(data []byte) (map[string]string, error) {
	a, err := open(data)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string)
	inflater := a.Inflater()
	for _, m := range a.Members {
		var b strings.Builder
		if err := inflater.Copy(&b, m); err != nil {
			return nil, err
		}
		found[m.Name] = b.String()
	}
	return found, nil
}

// raw is a zip without data descriptors, written by hand so that a test can bend it.
func raw(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, CRC32: 0x8c736521, CompressedSize64: 3, UncompressedSize64: 3, ExternalAttrs: 0o100644 << 16}
		if utf8.ValidString(name) {
			h.Flags = 0x800
		}
		if strings.HasSuffix(name, "/") {
			h.CRC32, h.CompressedSize64, h.UncompressedSize64 = 0, 0, 0
		}
		w, err := z.CreateRaw(h)
		if err == nil && h.CRC32 != 0 {
			_, err = io.WriteString(w, "foo")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bend changes the n-th occurrence of a record by its signature: what is at
// offset becomes value.
func bend(data []byte, signature string, n, offset int, value ...byte) []byte {
	data = slices.Clone(data)
	at := -1
	for range n + 1 {
		at += 1 + bytes.Index(data[at+1:], []byte(signature))
	}
	copy(data[at+offset:], value)
	return data
}

const local, central, end, descriptor = "PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "PK\x07\x08"

func TestMembersAreRead(t *testing.T) {
	t.Parallel()
	got, err := readAll(wheeltest.Zip(wheeltest.File{Name: "d/"}, wheeltest.File{Name: "d/a.py", Data: "one"}, wheeltest.File{Name: "d/é.txt", Data: strings.Repeat("x", 100000)}))
	if err != nil || len(got) != 3 || got["d/a.py"] != "one" || len(got["d/é.txt"]) != 100000 {
		t.Errorf("%d members, %v", len(got), err)
	}
	if got, err := readAll(raw(t, "a", "b")); err != nil || got["a"] != "foo" || got["b"] != "foo" {
		t.Errorf("stored: %v, %v", got, err)
	}
}

func TestRawIsTheDeflateStream(t *testing.T) {
	t.Parallel()
	a, err := open(wheeltest.Zip(wheeltest.File{Name: "a", Data: "hello hello hello"}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(a.Raw(a.Members[0])))
	if err != nil || string(text) != "hello hello hello" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestNamesWithoutTheFlagAreCodePage437(t *testing.T) {
	t.Parallel()
	got, err := readAll(raw(t, "\x81\xe1\xff"))
	if err != nil || got["üß\u00a0"] != "foo" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestExecutable(t *testing.T) {
	t.Parallel()
	for mode, want := range map[uint32]bool{0o100644: false, 0o100755: true, 0o100001: true, 0o755: false, 0o100000: false, 0o104755: true} {
		if got := (archive.Member{Unix: mode}).Executable(); got != want {
			t.Errorf("mode %o: %v, want %v", mode, got, want)
		}
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/a", "../a", "a/../b", "./a", "a//b", "a/.", `a\b`, "a\nb", "a\x00b", "a\x7fb", "c\u0085d", ".wh.a", "a/.wh..wh..opq", "", "/", "a//",
		strings.Repeat("a", 256), strings.Repeat("a/", 2100) + "a"} {
		_, err := open(raw(t, name))
		if err == nil || !strings.Contains(err.Error(), "path") {
			t.Errorf("member %.40q: %v, want an error about its path", name, err)
		}
	}
}

func TestKindsThatAreRefused(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]string{
		fs.ModeSymlink | 0o777: "symlink", fs.ModeNamedPipe: "pipe", fs.ModeDevice: "device", fs.ModeSocket: "socket", fs.ModeDir | 0o755: "folder",
	} {
		_, err := open(wheeltest.Zip(wheeltest.File{Name: "a", Data: "x", Mode: mode}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %v: %v, want an error with %q", mode, err, want)
		}
	}
}

func TestDuplicatesAreRefused(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"a", "b", "a"}, {"a", "a/b"}, {"a/b/c", "a.txt", "a/b"}, {"a", "a/"}} {
		_, err := open(raw(t, names...))
		if err == nil || !strings.Contains(err.Error(), "duplicate") && !strings.Contains(err.Error(), "path") && !strings.Contains(err.Error(), "folder") {
			t.Errorf("%q: %v, want an error", names, err)
		}
	}
}

// TestBentHeaders has what readers disagree on, and what is damaged.
func TestBentHeaders(t *testing.T) {
	t.Parallel()
	good, described := raw(t, "a", "b"), wheeltest.Zip(wheeltest.File{Name: "a", Data: "foo"}, wheeltest.File{Name: "b", Data: "foo"})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"local name":         {bend(good, local, 1, 30, 'x'), "header"},
		"local CRC":          {bend(good, local, 0, 14, 1), "header"},
		"local size":         {bend(good, local, 0, 22, 4), "header"},
		"local packed size":  {bend(good, local, 0, 18, 2), "header"},
		"local method":       {bend(good, local, 0, 8, 8), "header"},
		"local flags":        {bend(good, local, 0, 6, 8), "header"},
		"local signature":    {bend(good, local, 0, 2, 9), "local header"},
		"local extra":        {bend(good, local, 0, 28, 200), "next member"},
		"encrypted":          {bend(bend(good, central, 0, 8, 1), local, 0, 6, 1), "encrypted"},
		"strongly encrypted": {bend(good, central, 0, 8, 0x41), "encrypted"},
		"patch":              {bend(good, central, 0, 8, 0x20), "patch"},
		"method":             {bend(good, central, 0, 10, 12), "method"},
		"stored, two sizes":  {bend(good, central, 0, 24, 9), "size"},
		"offset":             {bend(good, central, 1, 42, 0), "header"},
		"offset in the file": {bend(good, central, 0, 42, 200), "begins at byte"},
		"central signature":  {bend(good, central, 1, 2, 9), "directory"},
		"disk":               {bend(good, central, 0, 34, 1), "split"},
		"end: disk":          {bend(good, end, 0, 4, 1), "split"},
		"end: count":         {bend(good, end, 0, 8, 3, 0, 3), "directory"},
		"end: fewer":         {bend(good, end, 0, 8, 1, 0, 1), "directory"},
		"end: offset":        {bend(good, end, 0, 16, 1), "end record"},
		"end: size":          {bend(good, end, 0, 12, 1), "end record"},
		"end: comment":       {bend(good, end, 0, 20, 1), "end record"},
		"trailer":            {append(slices.Clone(good), "xx"...), "end record"},
		"before the archive": {append([]byte("#!/bin/sh\n"), good...), "end record"},
		"cut off":            {good[:len(good)-1], "zip"},
		"empty":              {nil, "zip"},
		"CRC":                {bend(bend(good, central, 0, 16, 1), local, 0, 14, 1), "CRC"},
		"data":               {bend(good, "foo", 0, 0, 'g'), "CRC"},
		"descriptor CRC":     {bend(described, descriptor, 0, 4, 1), "descriptor"},
		"descriptor size":    {bend(described, descriptor, 1, 12, 1), "descriptor"},
		"descriptor sign":    {bend(described, descriptor, 1, 2, 1), "descriptor"},
		"deflated size":      {bend(described, central, 0, 24, 2), "descriptor"},
		"huge":               {bend(good, central, 0, 24, 255, 255, 255, 255), "size"},
	} {
		if _, err := readAll(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestHiddenMemberIsRefused(t *testing.T) {
	t.Parallel()
	// The directory knows two of three members: the local header of one is left over.
	data := raw(t, "a", "b", "c")
	first := bytes.Index(data, []byte(central))
	second := first + 1 + bytes.Index(data[first+1:], []byte(central))
	third := second + 1 + bytes.Index(data[second+1:], []byte(central))
	hidden := append(slices.Clone(data[:second]), data[third:]...)
	at := bytes.Index(hidden, []byte(end))
	binary.LittleEndian.PutUint16(hidden[at+8:], 2)
	binary.LittleEndian.PutUint16(hidden[at+10:], 2)
	binary.LittleEndian.PutUint32(hidden[at+12:], uint32(at-first))
	if _, err := open(hidden); err == nil || !strings.Contains(err.Error(), "member") {
		t.Errorf("%v, want an error about bytes of no member", err)
	}
}

func TestSizesThatLieAreRefused(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{1, 4} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		var packed bytes.Buffer
		f, _ := flate.NewWriter(&packed, 9)
		_, _ = io.WriteString(f, "foo")
		_ = f.Close()
		w, err := z.CreateRaw(&zip.FileHeader{Name: "a", Method: zip.Deflate, CRC32: 0x8c736521, CompressedSize64: uint64(packed.Len()), UncompressedSize64: size})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(packed.Bytes())
		_ = z.Close()
		if _, err := readAll(b.Bytes()); err == nil || !strings.Contains(err.Error(), "size") {
			t.Errorf("size %d: %v, want an error about the size", size, err)
		}
	}
}

func TestBombsAreRefusedBeforeTheyAreUnpacked(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 100<<20)
	if _, err := open(wheeltest.Zip(wheeltest.File{Name: "a", Data: zeros})); err == nil || !strings.Contains(err.Error(), "size") {
		t.Errorf("one member: %v, want an error about the size", err)
	}
	if _, err := open(wheeltest.Zip(wheeltest.File{Name: "a", Data: zeros[:40<<20]})); err != nil {
		t.Errorf("40 MiB of zeros: %v", err)
	}
	parts := make([]wheeltest.File, 4)
	for i := range parts {
		parts[i] = wheeltest.File{Name: fmt.Sprint(i), Data: zeros[:25<<20]}
	}
	if _, err := open(wheeltest.Zip(parts...)); err == nil || !strings.Contains(err.Error(), "size") {
		t.Errorf("several members: %v, want an error about the size", err)
	}
}

func TestTooManyMembersAreRefusedByTheirNumber(t *testing.T) {
	t.Parallel()
	// The end record alone is enough: no header is read.
	record := make([]byte, 56+20+22)
	copy(record, "PK\x06\x06")
	binary.LittleEndian.PutUint64(record[4:], 44)
	binary.LittleEndian.PutUint64(record[24:], 200_000)
	binary.LittleEndian.PutUint64(record[32:], 200_000)
	copy(record[56:], "PK\x06\x07")
	binary.LittleEndian.PutUint32(record[56+16:], 1)
	copy(record[76:], end+"\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	if _, err := open(record); err == nil || !strings.Contains(err.Error(), "200000 members") {
		t.Errorf("%v, want an error that names 200000 members", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(raw(f, "a", "b"))
	f.Add(wheeltest.Zip(wheeltest.File{Name: "d/"}, wheeltest.File{Name: "d/a", Data: "foo"}))
	f.Add([]byte(end + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := open(data)
		if err != nil {
			return
		}
		inflater := a.Inflater()
		for _, m := range a.Members {
			var b bytes.Buffer
			if err := inflater.Copy(&b, m); err == nil && int64(b.Len()) != m.Size {
				t.Errorf("member %q has %d bytes, its header %d", m.Name, b.Len(), m.Size)
			}
			if strings.HasPrefix(m.Name, "/") || strings.Contains("/"+m.Name+"/", "/../") {
				t.Errorf("member %q", m.Name)
			}
		}
	})
}

// TestCommentOfAnyLength: the end record is found in front of a comment that is longer than what is read first.
func TestCommentOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 1 << 10, 1<<10 - 22, 1<<16 - 1} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		if _, err := z.Create("a"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(z.SetComment(strings.Repeat("c", n)), z.Close()); err != nil {
			t.Fatal(err)
		}
		a, err := archive.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || len(a.Members) != 1 {
			t.Errorf("an archive with a comment of %d bytes: %v", n, err)
		}
	}
}
