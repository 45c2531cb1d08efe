package hostfiles

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers/local"
)

// Locked is what the lock says of the files; nil where there are none.
func (f *Found) Locked() *lock.Files {
	if f.Empty() && len(f.trusted) == 0 {
		return nil
	}
	common := slices.Clone(f.trusted)
	each := make(map[string][]item)
	for _, e := range f.entries {
		common = append(common, e.items...)
		for p, items := range e.each {
			each[p.String()] = append(each[p.String()], items...)
		}
	}
	locked := &lock.Files{Digest: digest(common), Time: f.time}
	for p, items := range each {
		if locked.Platforms == nil {
			locked.Platforms = make(map[string]string)
		}
		locked.Platforms[p] = digest(items)
	}
	return locked
}

// digest covers names, kinds, owners, modes and contents.
func digest(items []item) string {
	all := sha256.New()
	for _, i := range items {
		h := i.header
		fmt.Fprintf(all, "%q %c %o %d:%d %q %s\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, i.from.Digest)
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil))
}

// Fit reads the files of a spec that the lock fits, in a folder as Read does. It returns a *lock.Error if the lock was made of
// other files.
func Fit(ctx context.Context, l lock.Lock, s spec.Spec, in input.Folder) error {
	f, err := Read(ctx, s, in, time.Time{})
	if err != nil {
		return err
	}
	defer f.Close()
	return fits(l, s.Dir, f)
}

func fits(l lock.Lock, dir string, f *Found) error {
	now := f.Locked()
	if now == nil && l.Files == nil || now != nil && l.Files != nil && now.Digest == l.Files.Digest && fit(l.Files.Platforms, now.Platforms) {
		return nil
	}
	if by, name := f.ours(dir, l.Name); name != "" {
		return &lock.Error{File: l.Name, Err: fmt.Errorf(`it was written when the spec's files were others; take them as they are now with "pyimg lock --update files". %s takes %s: if pyimg writes that, name it under exclude, or no lock will ever fit`, by, name)}
	}
	return &lock.Error{File: l.Name, Err: errors.New(`it was written when the spec's files were others; take them as they are now with "pyimg lock --update files"`)}
}

// ours returns the first of the files that pyimg itself writes, and the entry that takes it: the lock, or an image's layout. dir is the
// spec's folder. Such a file changes with each run, so that a lock never fits again.
func (f *Found) ours(dir, lockFile string) (by, name string) {
	own, err := relative(cmp.Or(dir, "."), lockFile)
	for i := range f.all() {
		switch at := i.from.Name; {
		case err == nil && at == filepath.ToSlash(own):
			return i.by, at
		case path.Base(at) == "oci-layout":
			return i.by, cmp.Or(strings.TrimSuffix(path.Dir(at), "."), at)
		}
	}
	return "", ""
}

// relative is filepath.Rel, also where only one of the two is an absolute path.
func relative(dir, name string) (string, error) {
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// fit reports whether a lock has the digests of files of platforms. It may have more platforms.
func fit(locked, now map[string]string) bool {
	for p, digest := range now {
		if locked[p] != digest {
			return false
		}
	}
	return (len(locked) == 0) == (len(now) == 0)
}

// Pack is Fit, and writes what the spec takes of its folder as a tar, for local.Unpack to make a folder of
// that the spec finds it in again. The same files give the same bytes.
func Pack(ctx context.Context, l lock.Lock, s spec.Spec, in input.Folder, w io.Writer) error {
	f, err := Read(ctx, s, in, time.Time{})
	if err != nil {
		return err
	}
	defer f.Close()
	if err := fits(l, s.Dir, f); err != nil {
		return err
	}
	var found []local.File
	for i := range f.all() {
		if i.from.Info != nil { // not of dirs
			found = append(found, i.from)
		}
	}
	return f.folder.Pack(ctx, w, found)
}
