package layers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// The store also keeps folders: layers as they are when unpacked.
//
//	DIR/v1/folders/<hex>/tree  the folder, named by the SHA-256 of its key
//	DIR/v1/folders/<hex>/size  the size of its files in bytes, in decimal
//	DIR/v1/folders/new-LEASE-* being filled by the run with that lease, or left when it was killed; see lease.go
//
// The time of <hex> says when it was last used. A folder is renamed into place when it is whole.
const unfinished = "new-"

// Folder returns the folder that is kept under a key. Where there is none, fill fills an empty one and says how many bytes
// its files have. While the store is open the folder stays. It must not be written to.
func (s *Store) Folder(ctx context.Context, key string, fill func(dir string) (size int64, err error)) (string, error) {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	s.relied.on(name)
	leave, err := s.flights.enter(ctx, cachedir.Folders+" "+name)
	if err != nil {
		return "", err
	}
	defer leave()
	at := filepath.Join(s.dir.Path, cachedir.Folders, name)
	info, err := os.Lstat(at)
	switch {
	case err == nil && info.IsDir():
		if time.Since(info.ModTime()) > cachedir.NoteEvery {
			err = s.dir.NoteUse(at)
		}
	case err == nil:
		if err = os.Remove(at); err == nil { // whatever came there, it is no folder
			err = s.fillFolder(at, fill)
		}
	case errors.Is(err, fs.ErrNotExist):
		err = s.fillFolder(at, fill)
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(at, "tree"), nil
}

func (s *Store) fillFolder(at string, fill func(dir string) (int64, error)) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(at), unfinished+s.dir.Lease()+"-")
	if err != nil {
		return s.dir.WriteError(err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir) // Prune takes what this process has no right to remove
		}
	}()
	// The tree may belong to another user than this folder: a sandbox's root.
	tree := filepath.Join(dir, "tree")
	if err := errors.Join(os.Mkdir(tree, 0o755), os.Chmod(tree, 0o755)); err != nil { //nolint:gosec // an image's root, in a folder that nobody else can enter
		return s.dir.WriteError(err)
	}
	size, err := fill(tree)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "size"), strconv.AppendInt(nil, size, 10), 0o600); err != nil {
		return s.dir.WriteError(err)
	}
	if err := os.Rename(dir, at); err != nil {
		if info, e := os.Lstat(at); e != nil || !info.IsDir() {
			return s.dir.WriteError(err)
		}
		_ = os.RemoveAll(dir) // another process was faster; Prune takes what is left
	}
	return nil
}

// folderSize is what was noted of a folder's size; one that is damaged counts as empty.
func folderSize(dir string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, "size"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// eachFolder is eachFile for folders.
func (p *pruning) eachFolder(do func(f prunable, used time.Time, whole bool)) error {
	dir := filepath.Join(p.store.dir.Path, cachedir.Folders)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		at := filepath.Join(dir, e.Name())
		if !info.IsDir() {
			p.strange = append(p.strange, at)
			continue
		}
		do(prunable{cachedir.Folders, at, folderSize(at)}, info.ModTime(), !strings.HasPrefix(e.Name(), unfinished))
	}
	return nil
}

// abandoned reports whether the run that was filling a folder has ended.
func (p *pruning) abandoned(i item) bool {
	if i.files[0].kind != cachedir.Folders {
		return false
	}
	lease, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(i.files[0].path), unfinished), "-")
	return !p.store.dir.Runs(lease)
}

// removeFolder removes a folder at once for those that look for it, and then what is in it.
func (p *pruning) removeFolder(at string) error {
	away := at
	if !strings.HasPrefix(filepath.Base(at), unfinished) {
		away = filepath.Join(filepath.Dir(at), unfinished+filepath.Base(at))
		if err := os.Rename(at, away); err != nil {
			return err
		}
	}
	err := os.RemoveAll(away)
	if err != nil && p.options.RemoveFolder != nil {
		err = p.options.RemoveFolder(away)
	}
	if err != nil {
		return fmt.Errorf("removing an unpacked layer: %w", err)
	}
	return nil
}
