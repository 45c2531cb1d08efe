package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/pyimg/pyimg/internal/regular"
)

// checkFolders refuses paths that lead through anything but folders below dir. A symlink there would have files written,
// and later removed, that are not the bundle's.
func checkFolders(dir string, paths iter.Seq[string]) error {
	seen := make(map[string]bool)
	for name := range paths {
		for at := range above(name) {
			if seen[at] {
				continue
			}
			seen[at] = true
			if err := isFolder(Below(dir, at)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// makeFolder makes the folders that hold a bundle's file, through nothing but folders.
func makeFolder(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for at := range above(name) {
		if err := os.Mkdir(Below(dir, at), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := isFolder(Below(dir, at)); err != nil {
			return err
		}
	}
	return nil
}

// above yields the folders that hold a bundle's file, the outermost first.
func above(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

func isFolder(name string) error {
	info, err := os.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q is %s, and a folder is expected: a bundle's files go into no other place; remove it, or name another folder",
			strings.TrimSuffix(name, "/"), regular.Kind(info.Mode()))
	}
	return err
}
