package e2e_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A node is one path of a root file system, in the form of the recorded trees.
// Only a regular file has a size, a sum, a time and a link count here: those
// of other types depend on when and where a root was unpacked.
type node struct {
	Path   string `json:"path"`
	Type   string `json:"type"` // file, dir, link, or char
	Mode   string `json:"mode"` // 0755
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime"`
	SHA256 string `json:"sha256"`
	NLink  int    `json:"nlink"`
	Link   string `json:"linkname"`

	content string // of small files only, see keepContent
}

// A tree is a root file system by path, without its root folder.
type tree map[string]node

// keepContent names the files whose content the tests read themselves.
func keepContent(name string) bool {
	return strings.HasPrefix(name, dbDir) || strings.HasPrefix(name, "etc/apk/") || strings.HasPrefix(name, "etc/busybox-paths.d/")
}

// comparable drops from a recorded node what this type of file has no use for.
func (n node) comparable() node {
	n.content = ""
	if n.Type != "file" {
		n.Size, n.MTime, n.NLink, n.SHA256 = 0, 0, 0, ""
	}
	return n
}

func (n node) String() string {
	return fmt.Sprintf("%s %s %d:%d size %d mtime %d nlink %d sha256 %.12s -> %q", n.Type, n.Mode, n.UID, n.GID, n.Size, n.MTime, n.NLink, n.SHA256, n.Link)
}

// diff lists every path that two trees do not agree on.
func diff(want, got tree) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(union(want, got))) {
		w, wanted := want[name]
		g, found := got[name]
		switch w, g = w.comparable(), g.comparable(); {
		case !found:
			lines = append(lines, fmt.Sprintf("%s: missing %v", name, w))
		case !wanted:
			lines = append(lines, fmt.Sprintf("%s: unexpected %v", name, g))
		case w != g:
			lines = append(lines, fmt.Sprintf("%s:\n\twant %v\n\tgot  %v", name, w, g))
		}
	}
	return lines
}

func union(a, b tree) tree {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// drop removes paths and everything below them.
func (tr tree) drop(names ...string) {
	maps.DeleteFunc(tr, func(p string, _ node) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return p == name || strings.HasPrefix(p, name+"/")
		})
	})
}

// dirTree reads an unpacked root. Nothing below another mount's path is a
// special case: an unpacked root has none.
func dirTree(t testing.TB, root string) tree {
	t.Helper()
	tr := tree{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		tr[name], err = dirNode(name, p, d)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func dirNode(name, p string, d fs.DirEntry) (node, error) {
	info, err := d.Info()
	if err != nil {
		return node{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	n := node{
		Path: name, Mode: octal(int64(stat.Mode) & 0o7777), UID: int(stat.Uid), GID: int(stat.Gid),
		Size: info.Size(), MTime: info.ModTime().Unix(), NLink: int(stat.Nlink),
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		n.Type = "dir"
	case fs.ModeSymlink:
		n.Type = "link"
		n.Link, err = os.Readlink(p)
	case 0:
		n.Type = "file"
		err = readNode(&n, func() (io.ReadCloser, error) { return os.Open(p) })
	default:
		n.Type = info.Mode().Type().String()
	}
	return n, err
}

// tarTree reads a root from a tar, as docker export writes it. A hard link
// stands for the file that it names.
func tarTree(t testing.TB, r io.Reader) tree {
	t.Helper()
	tr := tree{}
	for tarball := tar.NewReader(r); ; {
		h, err := tarball.Next()
		if errors.Is(err, io.EOF) {
			return tr
		}
		if err != nil {
			t.Fatalf("reading tar: %v", err)
		}
		if name := path.Clean(h.Name); h.Typeflag == tar.TypeLink {
			tr.link(name, path.Clean(h.Linkname))
		} else if name != "." {
			tr[name] = tarNode(t, name, h, tarball)
		}
	}
}

func tarNode(t testing.TB, name string, h *tar.Header, r io.Reader) node {
	t.Helper()
	n := node{
		Path: name, Mode: octal(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid,
		Size: h.Size, MTime: h.ModTime.Unix(), NLink: 1, Link: h.Linkname,
	}
	switch h.Typeflag {
	case tar.TypeDir:
		n.Type = "dir"
	case tar.TypeSymlink:
		n.Type = "link"
	case tar.TypeReg:
		n.Type = "file"
		if err := readNode(&n, func() (io.ReadCloser, error) { return io.NopCloser(r), nil }); err != nil {
			t.Fatal(err)
		}
	default:
		n.Type = fmt.Sprintf("tar type %q", h.Typeflag)
	}
	return n
}

// link adds another name for a file and counts it for all of them.
func (tr tree) link(name, target string) {
	n := tr[target]
	names := []string{name}
	for p, other := range tr {
		if n.Type == "file" && other.NLink == n.NLink && other.SHA256 == n.SHA256 && (p == target || n.NLink > 1) {
			names = append(names, p)
		}
	}
	for _, p := range names {
		n.Path, n.NLink = p, len(names)
		tr[p] = n
	}
}

func readNode(n *node, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	var kept strings.Builder
	w := io.Writer(h)
	if keepContent(n.Path) {
		w = io.MultiWriter(h, &kept)
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	n.SHA256, n.content = hex.EncodeToString(h.Sum(nil)), kept.String()
	return nil
}

func octal(mode int64) string { return fmt.Sprintf("%04o", mode) }
