// Package gitinfo reads which commit a Git repository has checked out, which tags name that commit, and where the repository comes
// from. It runs no program, reads nothing outside of the repository's own folders, and writes nothing. See gitrepository-layout(5).
package gitinfo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Info is what a repository says of its checked out commit.
type Info struct {
	Revision string   // of HEAD, in hex
	Tags     []string // that name this commit, the newest version first
	Source   string   // URL of the remote, without credentials; "" if there is none
	Notes    []string // why something is not known
}

// Labels are the labels that the OCI image-spec has for this (annotations.md). What is not known is left out.
func (i Info) Labels() map[string]string {
	labels := map[string]string{"org.opencontainers.image.revision": i.Revision}
	if i.Source != "" {
		labels["org.opencontainers.image.source"] = i.Source
	}
	if len(i.Tags) > 0 {
		labels["org.opencontainers.image.version"] = i.Tags[0]
	}
	return labels
}

// ErrNone means that a folder is in no repository.
var ErrNone = errors.New("there is no .git in it or in a folder above it; an exported source has none, and needs its labels in the spec")

const (
	maxAbove = 100     // folders above that are looked at
	maxRef   = 4 << 10 // bytes of a file that has one line, such as HEAD
	maxText  = 1 << 20 // bytes of a configuration
)

// A repository is opened at two folders: its own, and the one that it shares with other worktrees, which may be the same.
type repository struct {
	own, common *os.Root
	config      config
	hash        int // bytes of an object's name: 20, or 32 with SHA-256
}

// Read reads the repository that a folder is in.
func Read(dir string) (info Info, err error) {
	at, err := find(dir)
	if err != nil {
		return info, fmt.Errorf("looking for a Git repository in %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the Git repository %q: %w", at, err)
		}
	}()
	r, err := open(at)
	if err != nil {
		return info, err
	}
	defer r.close()
	branch := ""
	if info.Revision, branch, err = r.head(); err != nil {
		return info, err
	}
	var notes []string
	if info.Tags, notes, err = r.tagsOf(info.Revision); err != nil {
		return info, err
	}
	if info.Notes = notes; len(info.Tags) == 0 && len(notes) == 0 {
		info.Notes = append(info.Notes, "no tag names the commit")
	}
	source, note := r.config.source(branch)
	if info.Source = source; note != "" {
		info.Notes = append(info.Notes, note)
	}
	return info, nil
}

// find returns the folder of the repository's own data. A worktree or submodule has a file that names it.
func find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for range maxAbove {
		at := filepath.Join(dir, ".git")
		info, err := os.Stat(at)
		switch {
		case err == nil && info.IsDir():
			return at, nil
		case err == nil:
			return linked(at)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", err
		}
		above := filepath.Dir(dir)
		if above == dir {
			break
		}
		dir = above
	}
	return "", ErrNone
}

// linked reads the file .git of a worktree: "gitdir: PATH".
func linked(file string) (string, error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	defer root.Close()
	text, err := readSmall(root, ".git", maxRef)
	if err != nil {
		return "", err
	}
	path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	if path = strings.TrimSpace(path); !ok || path == "" || strings.ContainsAny(path, "\n\x00") {
		return "", fmt.Errorf("%q is no line \"gitdir: PATH\"", file)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	return path, nil
}

func open(at string) (*repository, error) {
	own, err := os.OpenRoot(at)
	if err != nil {
		return nil, err
	}
	r := &repository{own: own, common: own, hash: 20}
	if text, err := readSmall(own, "commondir", maxRef); err == nil {
		path := strings.TrimSpace(string(text))
		if !filepath.IsAbs(path) {
			path = filepath.Join(at, path)
		}
		if r.common, err = os.OpenRoot(path); err != nil {
			r.common = own
			r.close()
			return nil, err
		}
	}
	text, err := readSmall(r.common, "config", maxText)
	if err == nil {
		r.config, err = parseConfig(text)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = r.readFormat()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *repository) close() {
	_ = r.own.Close() // they were only read
	if r.common != r.own {
		_ = r.common.Close()
	}
}

// readFormat reads how the repository is stored.
func (r *repository) readFormat() error {
	switch format := r.config.get("extensions", "", "objectformat"); format {
	case "", "sha1":
	case "sha256":
		r.hash = 32
	default:
		return fmt.Errorf("its objects are named by %q, which pyimg does not know", format)
	}
	if storage := r.config.get("extensions", "", "refstorage"); storage != "" && storage != "files" {
		return fmt.Errorf("its references are stored as %q, and pyimg reads files only; git refs migrate --ref-format=files converts them", storage)
	}
	return nil
}

// readSmall reads a file of at most most bytes.
func readSmall(root *os.Root, name string, most int64) ([]byte, error) {
	f, err := openFile(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%q has more than %d bytes", name, most)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), err
}

// openFile opens a regular file; a pipe would make the caller wait.
func openFile(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	return root.Open(name)
}
