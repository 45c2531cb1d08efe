package gitinfo_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/gitinfo"
)

// compressed is a zlib stream.
func compressed(text string) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// A target writes files into one repository again and again.
func target(f *testing.F) (dir string, write func(t *testing.T, name string, data []byte)) {
	f.Helper()
	dir = f.TempDir()
	return dir, func(t *testing.T, name string, data []byte) {
		t.Helper()
		at := filepath.Join(dir, ".git", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// wellFormed checks what Read must hold whatever the repository has.
func wellFormed(t *testing.T, dir string) {
	t.Helper()
	info, err := gitinfo.Read(dir)
	if err != nil {
		return
	}
	if len(info.Revision) != 40 || strings.ContainsAny(info.Source, "\n\x00") {
		t.Errorf("Read = %+v", info)
	}
	u, err := url.Parse(info.Source)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" && strings.Contains(u.Path, "@") {
		t.Errorf("Read = %+v (%v), want a source without user, query and fragment", info, err)
	}
}

func FuzzTexts(f *testing.F) {
	dir, write := target(f)
	f.Add([]byte(someCommit), []byte("[remote \"origin\"]\n\turl = \"https://secret:secret@h.example/x\" # c\n[branch \"a\\\"b\"] remote = x\\\ny"),
		[]byte("# pack-refs with: peeled\n"+strings.Repeat("a", 40)+" refs/tags/v1\n^"+someCommit+"\n"), compressed("tag 7\x00object x"))
	f.Fuzz(func(t *testing.T, head, config, packed, tag []byte) {
		other := strings.Repeat("ab", 20)
		write(t, "HEAD", head)
		write(t, "config", config)
		write(t, "packed-refs", packed)
		write(t, "refs/tags/t", []byte(other))
		write(t, "objects/ab/"+other[2:], tag)
		wellFormed(t, dir)
	})
}

// FuzzPack looks up a tag in a pack.
func FuzzPack(f *testing.F) {
	dir, write := target(f)
	index := append([]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}, bytes.Repeat([]byte{0, 0, 0, 1}, 256)...)
	index = append(index, make([]byte, 20+4)...) // the name is all zeros
	index = binary.BigEndian.AppendUint32(index, 12)
	head := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01")
	tag := compressed("object " + someCommit + "\n")
	f.Add(index, append(append(head[:12:12], 0xc8, 0x03), tag...))
	f.Add(index, append(head[:12:12], 0x68, 0x01))                                              // a delta to what is before it
	f.Add(index, append(append(head[:12:12], 0x78), make([]byte, 20)...))                       // a delta to itself
	f.Add(index, append(append(head[:12:12], 0xf5, 0x05), append(make([]byte, 20), tag...)...)) // one with a content
	f.Fuzz(func(t *testing.T, index, data []byte) {
		write(t, "HEAD", []byte(someCommit))
		write(t, "refs/tags/t", bytes.Repeat([]byte("0"), 40))
		write(t, "objects/pack/p.idx", index)
		write(t, "objects/pack/p.pack", data)
		wellFormed(t, dir)
	})
}
