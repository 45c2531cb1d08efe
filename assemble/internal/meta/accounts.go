package meta

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/internal/accounts"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers/tree"
)

// AccountItems are the files that name users and groups, and the users' home folders. They go into the last layer. owner says
// where a path is from.
func AccountItems(a spec.Accounts, t *tree.Tree, owner func(tree.Node) string, created time.Time) ([]Item, error) {
	if len(a.Users)+len(a.Groups) == 0 {
		return nil, nil
	}
	var old accounts.Files
	files := []accountFile{{name: "etc/passwd", to: &old.Passwd}, {name: "etc/group", to: &old.Group}, {name: "etc/shadow", to: &old.Shadow}}
	for i := range files {
		if err := files[i].read(t, owner); err != nil {
			return nil, fmt.Errorf("adding accounts: %w", err)
		}
	}
	done, added, err := accounts.Add(a, old)
	if err != nil {
		return nil, fmt.Errorf("adding accounts: %w%s", err, origins(files))
	}
	var items []Item
	for i, content := range [][]byte{done.Passwd, done.Group, done.Shadow} {
		if content != nil {
			items = append(items, files[i].item(content, created))
		}
	}
	return append(items, homeItems(added, t, created)...), nil
}

// An accountFile is a file that names users or groups, in the tree so far.
type accountFile struct {
	name   string // its path
	to     *[]byte
	header *tar.Header // nil where there is none
	from   string
}

// origins says which packages or layers the files are from, for errors.
func origins(files []accountFile) string {
	var from []string
	for _, f := range files {
		if f.from != "" && !slices.Contains(from, f.from) {
			from = append(from, f.from)
		}
	}
	if len(from) == 0 {
		return ""
	}
	return "; these files are from " + strings.Join(from, ", ")
}

// read fills in the file's content, which the store keeps.
func (f *accountFile) read(t *tree.Tree, owner func(tree.Node) string) error {
	n, err := t.Lookup(f.name)
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	h := n.Entry.Header
	if n.Entry.Kept == nil && (n.IsDir() || h.Size > 0) {
		return fmt.Errorf("/%s of %s is no file that can be read: it has %d bytes", f.name, owner(n), h.Size)
	}
	f.name, f.header, f.from = n.Path, h, owner(n)
	*f.to = append([]byte{}, n.Entry.Kept...)
	return nil
}

// item is the file with new content; owner and mode stay.
func (f accountFile) item(content []byte, created time.Time) Item {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(content)), ModTime: created}
	if f.header != nil {
		h.Mode, h.Uid, h.Gid = f.header.Mode, f.header.Uid, f.header.Gid
	}
	return Item{h, content}
}

// homeItems are the users' home folders, and then the folders above them, that are not there. Their mode is what
// adduser(8) gives them, without the setgid bit of busybox's: the files in it get the user's own group anyway.
func homeItems(users []spec.User, t *tree.Tree, created time.Time) []Item {
	var homes, above []Item
	for _, u := range users {
		home := rootpath.Clean(u.Home)
		top, _, _ := strings.Cut(home, "/")
		if has(t, home) || slices.Contains([]string{"dev", "proc", "sys"}, top) {
			continue // /dev/null stands for no home
		}
		homes = append(homes, dirItem(home, 0o755, u.UID, *u.GID, created))
		for dir := path.Dir(home); dir != "." && !has(t, dir); dir = path.Dir(dir) {
			above = append(above, dirItem(dir, 0o755, 0, 0, created))
		}
	}
	return append(homes, above...)
}

// has reports whether a tree has a path.
func has(t *tree.Tree, name string) bool {
	_, err := t.Lstat(name)
	return err == nil
}
