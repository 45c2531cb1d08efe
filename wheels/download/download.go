// Package download brings sdists and wheels of folders and indexes onto this machine, checks their hashes, and remembers what is
// in them, so that a later run asks for nothing again. What it brings stays in the cache.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/version"
)

// Downloader fetches with the opener of an input.Access and keeps in its store.
type Downloader struct {
	from    input.Access
	carried Carried

	mu     sync.Mutex
	sdists map[string]Sdist // those that this run has read: each target of a plan asks for them again
	wheels map[string]Wheel
}

// Carried opens what is at hand, such as the files of a bundle, by the SHA-256 in hexadecimal. The error is fs.ErrNotExist where it has
// no such file.
type Carried interface {
	OpenSum(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// New returns a Downloader. from must have a store. What carried has is fetched from nowhere else; it may be nil.
func New(from input.Access, carried Carried) *Downloader {
	return &Downloader{from: from, carried: carried, sdists: make(map[string]Sdist), wheels: make(map[string]Wheel)}
}

// Sdist is an sdist with what is in it.
type Sdist struct {
	index.Sdist
	Content sdist.Sdist
	SHA256  string
}

// Wheel is a wheel with what is in it.
type Wheel struct {
	index.File
	Metadata distinfo.Metadata
	SHA256   string
}

// A HashError says that a file is not the one that an index or a lock names.
type HashError struct{ Err error }

func (e *HashError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *HashError) Unwrap() error { return e.Err }

// ExitCode is Unverified.
func (e *HashError) ExitCode() exit.Code { return exit.Unverified }

// The largest files that are fetched.
const maxFile = 8 << 30

// Sdist finds out what an sdist is. One that was read before is not read again.
func (d *Downloader) Sdist(ctx context.Context, s index.Sdist) (Sdist, error) {
	return once(d, d.sdists, file{s.File, s.Path, s.URL, s.Size, s.Hashes}, func(what file) (Sdist, error) { return d.readSdist(ctx, what, s) })
}

// once is what read returned for a file the first time in this run that it was no error.
func once[T any](d *Downloader, known map[string]T, what file, read func(file) (T, error)) (T, error) {
	id := strings.Join([]string{what.name, what.path, what.url, what.hashes["sha256"]}, "\n")
	d.mu.Lock()
	out, ok := known[id]
	d.mu.Unlock()
	if ok {
		return out, nil
	}
	out, err := read(what)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		known[id] = out
	}
	return out, err
}

func (d *Downloader) readSdist(ctx context.Context, what file, s index.Sdist) (Sdist, error) {
	out := Sdist{Sdist: s}
	var err error
	if out.SHA256, err = d.digest(ctx, what); err != nil {
		return out, err
	}
	key := "sdist 1 " + out.SHA256
	if text, err := d.from.Store.Record(key); err == nil {
		if known, err := sdist.Remembered(text); err == nil {
			out.describe(known)
			return out, nil
		}
	}
	at, err := d.SdistFile(ctx, out)
	if err != nil {
		return out, err
	}
	f, size, err := open(at)
	if err != nil {
		return out, err
	}
	defer f.Close()
	known, err := sdist.Read(f, size, s.File)
	if err != nil {
		return out, err
	}
	out.describe(known)
	if text, err := json.Marshal(known); err == nil {
		_ = d.from.Store.SetRecord(key, text) // else it is read again
	}
	return out, nil
}

// describe sets what an sdist says of itself over what its file's name or its index says.
func (s *Sdist) describe(known sdist.Sdist) {
	s.Project, s.Version, s.Content = known.Name, known.Version, known
	if requires, err := version.ParseSpecifiers(known.RequiresPython); err == nil && s.RequiresPython.IsZero() {
		s.RequiresPython = requires
	}
}

// SdistFile is the sdist as a file of this machine.
func (d *Downloader) SdistFile(ctx context.Context, s Sdist) (string, error) {
	return d.bring(ctx, file{s.File, s.Path, s.URL, s.Size, s.Hashes}, s.SHA256)
}

// Wheel opens a wheel and reads its METADATA.
func (d *Downloader) Wheel(ctx context.Context, f index.File) (Wheel, error) {
	return once(d, d.wheels, file{f.Filename.Text, f.Path, f.URL, f.Size, f.Hashes}, func(what file) (Wheel, error) { return d.readWheel(ctx, what, f) })
}

func (d *Downloader) readWheel(ctx context.Context, what file, f index.File) (Wheel, error) {
	out := Wheel{File: f}
	var err error
	if out.SHA256, err = d.digest(ctx, what); err != nil {
		return out, err
	}
	key := "wheel metadata 1 " + out.SHA256
	text, err := d.from.Store.Record(key)
	if err != nil {
		if text, err = d.metadata(ctx, what, out.SHA256); err != nil {
			return out, err
		}
		_ = d.from.Store.SetRecord(key, text) // else it is read again
	}
	out.Metadata, err = distinfo.ParseMetadata(text)
	return out, err
}

func (d *Downloader) metadata(ctx context.Context, what file, digest string) ([]byte, error) {
	at, err := d.bring(ctx, what, digest)
	if err != nil {
		return nil, err
	}
	f, size, err := open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := wheel.Open(f, size, what.name)
	if err != nil {
		return nil, err
	}
	for _, m := range w.Archive.Members {
		if m.Name == w.DistInfo+"/METADATA" {
			return w.Archive.Inflater().Read(m, distinfo.MaxFile)
		}
	}
	return nil, fmt.Errorf("%s has no METADATA", what.name)
}

// WheelFile is the wheel as a file of this machine.
func (d *Downloader) WheelFile(ctx context.Context, w Wheel) (string, error) {
	return d.bring(ctx, file{w.Filename.Text, w.Path, w.URL, w.Size, w.Hashes}, w.SHA256)
}

func open(at string) (*os.File, int64, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// file is a file to bring.
type file struct {
	name, path, url string
	size            int64
	hashes          source.Hashes
}

// digest is the SHA-256 of a file, in hexadecimal. One of an index that names it is not fetched for that.
func (d *Downloader) digest(ctx context.Context, f file) (string, error) {
	if f.path == "" && f.hashes["sha256"] != "" {
		return f.hashes["sha256"], nil
	}
	if f.path != "" {
		at, err := filepath.Abs(f.path)
		if err != nil {
			return "", err
		}
		found, err := local.Digest(d.from.Store, at, func() (string, error) { return hashFile(at) })
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", f.path, err)
		}
		digest := strings.TrimPrefix(found, "sha256:")
		if want := f.hashes["sha256"]; want != "" && want != digest {
			return "", &HashError{fmt.Errorf("%s has the SHA-256 %s, its index says %s", f.path, digest, want)}
		}
		return digest, nil
	}
	at, err := d.bring(ctx, f, "")
	if err != nil {
		return "", err
	}
	return hashFile(at)
}

func hashFile(at string) (string, error) {
	f, _, err := open(at)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, io.LimitReader(f, maxFile))
	return hex.EncodeToString(h.Sum(nil)), err
}

// bring fetches a file into a folder of the store; a file of this machine stays where it is.
func (d *Downloader) bring(ctx context.Context, f file, digest string) (string, error) {
	if f.path != "" {
		return f.path, nil
	}
	key := "download " + digest
	if digest == "" {
		key = "download of " + f.url
	}
	dir, err := d.from.Store.Folder(ctx, key, func(dir string) (int64, error) { return d.fetch(ctx, f, digest, filepath.Join(dir, f.name)) })
	return filepath.Join(dir, f.name), err
}

// open opens a file where it is at hand, else at its address.
func (d *Downloader) open(ctx context.Context, f file, digest string) (io.ReadCloser, error) {
	if d.carried != nil && digest != "" {
		r, err := d.carried.OpenSum(ctx, digest)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return d.from.Open(ctx, f.url, f.name, max(f.size, -1))
}

// fetch writes a file. Where it is another one than its index says, the next mirror is asked.
func (d *Downloader) fetch(ctx context.Context, f file, digest, to string) (int64, error) {
	for {
		n, theirs, err := d.fetchOnce(ctx, f, digest, to)
		if err == nil || !theirs || ctx.Err() != nil || !d.from.Refuse(f.url, err) {
			return n, err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
}

// fetchOnce is one try. An error is theirs if what was sent is to blame, and not this machine.
func (d *Downloader) fetchOnce(ctx context.Context, f file, digest, to string) (n int64, theirs bool, err error) {
	r, err := d.open(ctx, f, digest)
	if err != nil {
		return 0, false, fmt.Errorf("fetching %s: %w", redact.URL(f.url), err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, false, errors.Join(err, r.Close())
	}
	h, checker, body := sha256.New(), source.File{Size: f.size, Hashes: f.hashes}.Checker(), &input.Body{Reader: r}
	n, err = io.Copy(io.MultiWriter(out, h, checker), io.LimitReader(body, maxFile+1))
	if err := errors.Join(err, r.Close(), out.Close()); err != nil {
		return 0, body.Err != nil, fmt.Errorf("fetching %s: %w", redact.URL(f.url), err)
	}
	if err := checker.Check(); err != nil {
		return 0, true, &HashError{fmt.Errorf("fetching %s: %w", redact.URL(f.url), err)}
	}
	if found := hex.EncodeToString(h.Sum(nil)); digest != "" && found != digest || n > maxFile {
		return 0, true, &HashError{fmt.Errorf("fetching %s: its SHA-256 is %s, expected %s", redact.URL(f.url), found, digest)}
	}
	return n, false, nil
}
