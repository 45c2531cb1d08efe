package meta

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
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Item is one member of the meta layer.
type Item struct {
	Header *tar.Header
	body   []byte
}

// LayerName is what the last layer is called.
const LayerName = "apk database"

// IsDir reports whether the item is a folder.
func (i Item) IsDir() bool { return i.Header.Typeflag == tar.TypeDir }

// Layer makes the last layer of its items: what apk itself would have written, the links that busybox's scripts would
// have made, and the folders whose attributes the layers below do not state as apk would.
func Layer(ctx context.Context, items []Item, o layers.MakeOptions, store *layers.Store) (lock.Layer, error) {
	recipe, err := digestItems(items)
	if err != nil {
		return lock.Layer{}, err
	}
	blob, err := store.Make(ctx, fmt.Sprintf("meta %d %q %d %s", versions.Meta, o.Compression, o.Level, recipe), o,
		func(w *tar.Writer) error { return writeItems(w, items) })
	if err != nil {
		return lock.Layer{}, fmt.Errorf("making the layer of the %s: %w", LayerName, err)
	}
	return lock.NewLayer(blob, LayerName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), nil
}

// digestItems is the digest of the tar that the items make. They are small, and nothing that they depend on can be
// forgotten so.
func digestItems(items []Item) (string, error) {
	h := sha256.New()
	w := tar.NewWriter(h)
	if err := writeItems(w, items); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), w.Close()
}

// Entries shows the items as a layer of the tree.
func Entries(items []Item) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, i := range items {
			if !yield(layers.Entry{Header: i.Header, Kept: i.body}, nil) {
				return
			}
		}
	}
}

// Input is what the meta layer follows from.
type Input struct {
	Root         *root.Root // nil on a base without apk's database
	Base         int        // how many layers, the lowest ones, are of the base
	Tree         *tree.Tree // of the layers below
	World        []apk.Dependency
	Repositories spec.Repositories
	Exclude      glob.List
	Stated       map[string]bool // folders whose owner and mode the spec says
	Accounts     []Item
	Documents    map[string][]byte // files about the image, by path
	Created      time.Time
}

// Items lists the members of the meta layer, sorted, folders before what is in them.
func Items(in Input) []Item {
	items := in.dirItems()
	items = append(items, in.busyboxLinks()...)
	exclude := glob.NewMatcher(in.Exclude)
	items = slices.DeleteFunc(items, func(i Item) bool { // folders may be there with what was taken back in
		name := rootpath.Clean(i.Header.Name)
		return exclude.Has(name) && !has(in.Tree, name)
	})
	items = append(items, in.Accounts...)
	items = append(items, in.database()...)
	items = append(items, in.documents()...)
	for i, item := range items {
		h := *item.Header
		h.Name = place(in.Tree, rootpath.Clean(h.Name))
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		items[i].Header = &h
	}
	slices.SortStableFunc(items, func(x, y Item) int {
		return strings.Compare(rootpath.Clean(x.Header.Name), rootpath.Clean(y.Header.Name))
	})
	return slices.CompactFunc(items, func(x, y Item) bool { return rootpath.Clean(x.Header.Name) == rootpath.Clean(y.Header.Name) })
}

// documents are the files about the image, and the folders of them that no layer has.
func (in Input) documents() []Item {
	var items []Item
	for name, data := range in.Documents {
		items = append(items, Item{&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: in.Created}, data})
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, err := in.Tree.Lookup(dir); err != nil {
				items = append(items, Item{&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: in.Created}, nil})
			}
		}
	}
	return items
}

// database lists what apk writes itself. What the base has so already stays as it is.
func (in Input) database() []Item {
	if in.Root == nil {
		return nil
	}
	var items []Item
	for h, body := range in.Root.Database(in.World) {
		if in.Root.InBase(h.Name, body) {
			continue
		}
		h.ModTime = in.Created
		items = append(items, Item{h, body})
	}
	repositories := publicRepositories(in.Repositories)
	if _, err := in.Tree.Lstat("etc/apk/repositories"); err != nil && repositories != "" {
		items = append(items, Item{&tar.Header{Typeflag: tar.TypeReg, Name: "etc/apk/repositories", Mode: 0o644,
			Size: int64(len(repositories)), ModTime: in.Created}, []byte(repositories)})
	}
	return items
}

// place is the real path, with the symlinks among the folders above it followed: lib may lead to usr/lib,
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

func writeItems(w *tar.Writer, items []Item) error {
	for _, i := range items {
		if err := w.WriteHeader(i.Header); err != nil {
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
func (in Input) dirItems() []Item {
	if in.Root == nil {
		return nil
	}
	var items []Item
	for d := range in.Root.Dirs() {
		if d.Path == "" {
			continue // stating the image's root would set its mode in some runtimes and be refused in others
		}
		if n, err := in.Tree.Lstat(d.Path); err == nil {
			h := n.Entry.Header
			if in.Stated[d.Path] || h.Mode&0o7777 == d.Mode && h.Uid == d.UID && h.Gid == d.GID {
				continue
			}
		}
		items = append(items, dirItem(d.Path, d.Mode, d.UID, d.GID, in.Created))
	}
	return items
}

func dirItem(name string, mode int64, uid, gid int, created time.Time) Item {
	return Item{Header: &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: uid, Gid: gid, ModTime: created}}
}

// busyboxLinks are the applets' links that "busybox --install -s" makes in busybox's scripts, read from the list that
// the package brings. A path that is taken stays as it is, and busybox itself comes last, after busybox-extras, as its
// trigger has it. The links of a base's own busybox were made when that was: one that lacks was removed.
func (in Input) busyboxLinks() []Item {
	t, created := in.Tree, in.Created
	const dir = "etc/busybox-paths.d"
	var lists []tree.Node
	for n := range t.All() {
		if n.Layer >= in.Base && n.Entry.Header.Typeflag == tar.TypeReg && path.Dir(n.Path) == dir {
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
	var items []Item
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
			items = append(items, Item{Header: &tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: "/" + binary,
				Mode: 0o777, ModTime: created}})
		}
	}
	for _, d := range slices.Sorted(maps.Keys(made)) {
		items = append(items, dirItem(d, 0o755, 0, 0, created))
	}
	return items
}

// linkDir is the real path of a folder of applets; false where it is not there and busybox's script does not make it.
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
