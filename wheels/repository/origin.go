package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Origin has the files of an index of which a folder is a copy.
type Origin interface {
	// Open opens a wheel or its METADATA by its SHA-256 in hexadecimal. What is read is checked.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
	// Log opens the log of a failure by the failure's name. The error is fs.ErrNotExist where there is none.
	Log(ctx context.Context, name string) (io.ReadCloser, error)
	// URL is where a wheel is.
	URL(r Record) string
}

// OpenCopy is an index in a folder that has all records, but need not have the wheels: origin has them.
func OpenCopy(dir string, origin Origin) *Repository { return &Repository{dir, origin} }

// Source is where a wheel is: in the folder, else at the origin.
func (r *Repository) Source(rec Record) (source.File, error) {
	name, err := tag.ParseFilename(rec.File)
	if err != nil {
		return source.File{}, err
	}
	if r.origin == nil || r.Has(rec) {
		return source.File{Filename: name, Path: r.Path(rec)}, nil
	}
	return source.File{Filename: name, URL: r.origin.URL(rec), Size: rec.Size, Hashes: source.Hashes{"sha256": rec.SHA256}}, nil
}

// bring brings a file that is served out of the origin, unless the folder has it.
func (r *Repository) bring(ctx context.Context, at string) error {
	if _, err := os.Lstat(filepath.Join(r.dir, filepath.FromSlash(at))); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if name, ok := strings.CutPrefix(at, "status/logs/"); ok {
		return r.bringLog(ctx, at, strings.TrimSuffix(name, ".log"))
	}
	file := path.Base(at)
	wheel, end, ok := strings.Cut(file, ".whl")
	if !ok {
		return fs.ErrNotExist
	}
	rec, err := r.Record(wheel + ".whl")
	if err != nil {
		return err
	}
	if rec.Path()+end != at {
		return fs.ErrNotExist
	}
	to := filepath.Join(r.dir, filepath.FromSlash(at))
	switch end {
	case "":
		return r.bringBlob(ctx, to, rec.SHA256, rec.Size)
	case ".metadata":
		return r.bringBlob(ctx, to, rec.Metadata, maxRecord)
	}
	needs, err := marshal(rec.Needs)
	if err != nil {
		return err
	}
	return writeFile(to, needs)
}

// bringBlob writes a file of at most so many bytes, if it has the right ones.
func (r *Repository) bringBlob(ctx context.Context, to, digest string, most int64) error {
	from, err := r.origin.Open(ctx, digest)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Dir(to), to, func(f *os.File) error {
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(from, most+1))
		if err != nil {
			return err
		}
		if found := hex.EncodeToString(h.Sum(nil)); found != digest {
			return &mismatch.Error{Name: filepath.Base(to), Want: digest, Got: found, Size: n, GotSize: n}
		}
		return nil
	})
}

func (r *Repository) bringLog(ctx context.Context, at, name string) error {
	from, err := r.origin.Log(ctx, name)
	if err != nil {
		return err
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, maxServedLog))
	if err != nil {
		return fmt.Errorf("reading the log of %s: %w", name, err)
	}
	return writeFile(filepath.Join(r.dir, filepath.FromSlash(at)), text)
}

// maxServedLog bounds a log; builds bound what they write to it.
const maxServedLog = 65 << 20
