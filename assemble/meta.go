package assemble

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// metaItem is one member of the meta layer.
type metaItem struct {
	header *tar.Header
	body   []byte
}

// metaName is what the last layer is called.
const metaName = "apk database"

// metaVersion is part of the recipe: to be raised when the same items give other bytes.
const metaVersion = 2

// isDir reports whether the item is a folder.
func (i metaItem) isDir() bool { return i.header.Typeflag == tar.TypeDir }

// metaLayer makes the last layer of its items: what apk itself would have written, the links that busybox's scripts would
// have made, and the folders whose attributes the layers below do not state as apk would.
func metaLayer(ctx context.Context, items []metaItem, o layers.MakeOptions, store *layers.Store) (lock.Layer, error) {
	recipe, err := digestItems(items)
	if err != nil {
		return lock.Layer{}, err
	}
	blob, err := store.Make(ctx, fmt.Sprintf("meta %d %q %d %s", metaVersion, o.Compression, o.Level, recipe), o,
		func(w *tar.Writer) error { return writeItems(w, items) })
	if err != nil {
		return lock.Layer{}, fmt.Errorf("making the layer of the %s: %w", metaName, err)
	}
	return lock.NewLayer(blob, metaName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), nil
}

// digestItems is the digest of the tar that the items make. They are small, and nothing that they depend on can be
// forgotten so.
func digestItems(items []metaItem) (string, error) {
	h := sha256.New()
	w := tar.NewWriter(h)
	if err := writeItems(w, items); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), w.Close()
}

// entriesOf shows the items as a layer of the tree.
func entriesOf(items []metaItem) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, i := range items {
			if !yield(layers.Entry{Header: i.header, Kept: i.body}, nil) {
				return
			}
		}
	}
}

// metaInput is what the meta layer follows from.
type metaInput struct {
	root         *root.Root
	tree         *tree.Tree // of the layers below
	world        []apk.Dependency
	repositories spec.Repositories
	exclude      glob.List
	stated       map[string]bool // folders whose owner and mode the spec says
	accounts     []metaItem
	created      time.Time
}

// metaItems lists the members of the meta layer, sorted, folders before what is in them.
func metaItems(in metaInput) []metaItem {
	items := in.dirItems()
	items = append(items, busyboxLinks(in.tree, in.created)...)
	exclude := glob.NewMatcher(in.exclude)
	items = slices.DeleteFunc(items, func(i metaItem) bool { // folders may be there with what was taken back in
		name := rootpath.Clean(i.header.Name)
		return exclude.Has(name) && !has(in.tree, name)
	})
	items = append(items, in.accounts...)
	for h, body := range in.root.Database(in.world) {
		h.ModTime = in.created
		items = append(items, metaItem{h, body})
	}
	repositories := publicRepositories(in.repositories)
	if _, err := in.tree.Lstat("etc/apk/repositories"); err != nil && repositories != "" {
		items = append(items, metaItem{&tar.Header{Typeflag: tar.TypeReg, Name: "etc/apk/repositories", Mode: 0o644,
			Size: int64(len(repositories)), ModTime: in.created}, []byte(repositories)})
	}
	for i, item := range items {
		h := *item.header
		h.Name = place(in.tree, rootpath.Clean(h.Name))
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		items[i].header = &h
	}
	slices.SortStableFunc(items, func(x, y metaItem) int {
		return strings.Compare(rootpath.Clean(x.header.Name), rootpath.Clean(y.header.Name))
	})
	return slices.CompactFunc(items, func(x, y metaItem) bool { return rootpath.Clean(x.header.Name) == rootpath.Clean(y.header.Name) })
}

// place is where a path really lies, once the symlinks among the folders above it are followed: lib may lead to usr/lib,
// and a layer that goes through a symlink would replace it.
func place(t *tree.Tree, name string) string {
	dir, rest := path.Dir(name), path.Base(name)
	for dir != "." {
		if n, err := t.Lookup(dir); err == nil {
			return path.Join(n.Path, rest)
		}
		dir, rest = path.Dir(dir), path.Join(path.Base(dir), rest)
	}
	return rest
}

func writeItems(w *tar.Writer, items []metaItem) error {
	for _, i := range items {
		if err := w.WriteHeader(i.header); err != nil {
			return err
		}
		if _, err := w.Write(i.body); err != nil {
			return err
		}
	}
	return nil
}

// dirItems states each folder of apk's root that the layers do not state as apk would leave it: packages disagree on
// owner and mode, and a later layer's entry replaces an earlier one's. The folders that apk makes itself are among them.
func (in metaInput) dirItems() []metaItem {
	var items []metaItem
	for d := range in.root.Dirs() {
		if d.Path == "" {
			continue // stating the image's root would set its mode in some runtimes and be refused in others
		}
		if n, err := in.tree.Lstat(d.Path); err == nil {
			h := n.Entry.Header
			if in.stated[d.Path] || h.Mode&0o7777 == d.Mode && h.Uid == d.UID && h.Gid == d.GID {
				continue
			}
		}
		items = append(items, dirItem(d.Path, d.Mode, d.UID, d.GID, in.created))
	}
	return items
}

func dirItem(name string, mode int64, uid, gid int, created time.Time) metaItem {
	return metaItem{header: &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: uid, Gid: gid, ModTime: created}}
}

// busyboxLinks are the applets' links that "busybox --install -s" makes in busybox's scripts, read from the list that
// the package brings. A path that is taken stays as it is, and busybox itself comes last, after busybox-extras, as its
// trigger has it.
func busyboxLinks(t *tree.Tree, created time.Time) []metaItem {
	const dir = "etc/busybox-paths.d"
	var lists []tree.Node
	for n := range t.All() {
		if path.Dir(n.Path) == dir && n.Entry.Header.Typeflag == tar.TypeReg {
			lists = append(lists, n)
		}
	}
	last := func(n tree.Node) int {
		if path.Base(n.Path) == "busybox" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(lists, func(x, y tree.Node) int { return last(x) - last(y) })
	var items []metaItem
	taken := make(map[string]bool)
	made := make(map[string]bool)
	for _, list := range lists {
		binary := "bin/" + path.Base(list.Path)
		if _, err := t.Lookup(binary); err != nil {
			continue
		}
		for lines := bufio.NewScanner(bytes.NewReader(list.Entry.Kept)); lines.Scan(); {
			link := rootpath.Clean(lines.Text())
			parent, ok := linkDir(t, path.Dir(link), made)
			if !ok {
				continue
			}
			link = path.Join(parent, path.Base(link))
			if _, err := t.Lstat(link); err == nil || taken[link] {
				continue
			}
			taken[link] = true
			items = append(items, metaItem{header: &tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: "/" + binary,
				Mode: 0o777, ModTime: created}})
		}
	}
	for _, d := range slices.Sorted(maps.Keys(made)) {
		items = append(items, dirItem(d, 0o755, 0, 0, created))
	}
	return items
}

// linkDir is where a folder of applets really lies; false where it is not there and busybox's script does not make it.
func linkDir(t *tree.Tree, dir string, made map[string]bool) (string, bool) {
	if n, err := t.Lookup(dir); err == nil {
		return n.Path, n.Entry.Header.Typeflag == tar.TypeDir
	}
	if !slices.Contains([]string{"bin", "sbin", "usr/bin", "usr/sbin"}, dir) {
		return "", false
	}
	made[dir] = true
	return dir, true
}

// publicRepositories is etc/apk/repositories: what apk in a container can fetch from, so no directories of this machine
// and no credentials.
func publicRepositories(rs spec.Repositories) string {
	var b strings.Builder
	for _, r := range rs {
		for _, m := range r.Mirrors {
			if !isPublic(m) {
				continue
			}
			if r.Tag != "" {
				b.WriteString("@" + r.Tag + " ")
			}
			b.WriteString(m + "\n")
			break
		}
	}
	return b.String()
}
