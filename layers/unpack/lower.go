package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pyimg/pyimg/internal/rootpath"
)

// stack are the folders of the layers below, the lowest first.
type stack []*os.Root

func openStack(dirs []string) (stack, error) {
	var s stack
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return s, err
		}
		s = append(s, root)
	}
	return s, nil
}

func (s stack) close() {
	for _, root := range s {
		_ = root.Close()
	}
}

// find finds what overlayfs would show at a path, and the folder that has it. Symlinks are not followed.
func (s stack) find(name string) (in *os.Root, info fs.FileInfo, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		info, hidden := look(s[i], name)
		if info != nil || hidden {
			return s[i], info, info != nil
		}
	}
	return nil, nil, false
}

// look finds a path in one folder. hidden says that the folder hides what those below have there.
func look(root *os.Root, name string) (info fs.FileInfo, hidden bool) {
	opaque := false
	for at := 0; at < len(name); {
		next := strings.IndexByte(name[at:], '/')
		if next < 0 {
			break
		}
		at += next
		info, err := root.Lstat(name[:at])
		if err != nil {
			return nil, opaque
		}
		if !info.IsDir() { // a whiteout is none, either
			return nil, true
		}
		opaque = opaque || isOpaque(root, name[:at])
		at++
	}
	info, err := root.Lstat(path.Clean(name))
	if err != nil {
		return nil, opaque
	}
	if info.Mode()&fs.ModeCharDevice != 0 {
		return nil, true
	}
	return info, true
}

// ReadFile reads a file of at most so many bytes of the root that folders of Layer make up, the lowest first. Symlinks lead to
// other files of that root.
func ReadFile(dirs []string, name string, most int64) ([]byte, error) {
	s, err := openStack(dirs)
	defer s.close()
	if err != nil {
		return nil, err
	}
	fault := func(err error) ([]byte, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	at, err := rootpath.Follow(rootpath.Paths(func(at string) (string, bool, error) {
		in, info, ok := s.find(at)
		if !ok {
			return "", false, fs.ErrNotExist
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return "", false, nil
		}
		target, err := in.Readlink(at)
		return target, true, err
	}), "", name)
	if err != nil {
		return fault(err)
	}
	in, info, ok := s.find(at)
	switch {
	case !ok || info.IsDir():
		return fault(errors.New("it is a folder"))
	case !info.Mode().IsRegular() || info.Size() > most:
		return fault(fmt.Errorf("it is no regular file of at most %d bytes", most))
	}
	return in.ReadFile(at)
}
