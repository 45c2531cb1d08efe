package assemble

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers/hostfile"
)

// plainTime is the time of files where SOURCE_DATE_EPOCH sets none: their layer then depends on contents alone, and is
// the same whatever packages lie below it. zip, and so Python's wheels, knows no earlier one.
const plainTime = 315532800 // 1980-01-01T00:00:00Z, in seconds since 1970

// filesTime is the time that all files get.
func (p Plan) filesTime(o BuildOptions) time.Time {
	switch {
	case p.files != nil:
		return p.files.Time
	case o.Created.IsZero():
		return time.Unix(plainTime, 0).UTC()
	}
	return o.Created
}

// locked is what the lock says of the files; nil where there are none.
func (f *hostFiles) locked() *lock.Files {
	if len(f.items) == 0 {
		return nil
	}
	all := sha256.New()
	for _, i := range f.items {
		h := i.header
		fmt.Fprintf(all, "%q %c %o %d:%d %q %s\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, i.from.Digest)
	}
	return &lock.Files{Digest: "sha256:" + hex.EncodeToString(all.Sum(nil)), Time: f.time}
}

// FitsFiles reads the files of a spec that the lock fits, and tells whether they are those that it was made of. The error
// is a *LockError where they are not.
func FitsFiles(ctx context.Context, l lock.Lock, s spec.Spec) error {
	f, err := readFiles(ctx, s, time.Time{})
	if err != nil {
		return err
	}
	defer f.close()
	return fitsFiles(l, f)
}

func fitsFiles(l lock.Lock, f *hostFiles) error {
	now := f.locked()
	if now == nil && l.Files == nil || now != nil && l.Files != nil && now.Digest == l.Files.Digest {
		return nil
	}
	return &lock.Error{File: l.Name, Err: errors.New(`it was written when the spec's files were others; take them as they are now with "pyimg lock --update files"`)}
}

// PackFiles is FitsFiles, and writes what the spec takes of its folder as a tar, for hostfile.Unpack to make a folder of
// that the spec finds it in again. The same files give the same bytes.
func PackFiles(ctx context.Context, l lock.Lock, s spec.Spec, w io.Writer) error {
	f, err := readFiles(ctx, s, time.Time{})
	if err != nil {
		return err
	}
	defer f.close()
	if err := fitsFiles(l, f); err != nil {
		return err
	}
	var found []hostfile.File
	for _, i := range f.items {
		if i.from.Info != nil { // not of dirs
			found = append(found, i.from)
		}
	}
	return f.folder.Pack(ctx, w, found)
}
