// Package bundle carries all that an image is made of across an air gap: packages in Alpine's layout with their signed
// indexes untouched, keys, runtimes, spec and lock, and a manifest of every file's size and SHA-256.
//
// A bundle is a folder, or one tar of it whose bytes follow from the manifest, or that tar in parts. Its name is the
// manifest's digest, its ID. A delta holds only what another bundle, its base, lacks, and is nothing without it.
//
// What is read of a bundle is foreign: every path is checked before it is opened, every size is bounded, and nothing that
// a bundle holds makes itself trusted. Nothing here asks a host but what Client and Keyring do while a bundle is created.
package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/mismatch"
)

// maxText bounds a spec, a lock or a key that is read whole.
const maxText = 64 << 20

// A Bundle is one that was opened. It may be read by several goroutines at once.
type Bundle struct {
	manifest.Manifest
	Path    string
	Vouched bool // its ID was compared with one that came another way, so that all in it is what was meant, its keys too

	src  source
	base *Bundle // of a delta
}

// A source is where a bundle's own files lie.
type source interface {
	// open opens a file, whose size is checked where it is known, and whose content is not. Errors that are not the bundle's
	// fault are *ReadError.
	open(ctx context.Context, f manifest.File) (io.ReadCloser, error)
	// around says what is wrong with all that is none of the manifest's files.
	around(ctx context.Context) []error
	Close() error
}

// Open opens a bundle: a folder, a tar, or the parts of one, named by any of them, by their sums or by what the tar was to
// be called. The manifest is checked, no other file is read. The error is a *FaultError where the bundle is no good.
func Open(path string) (*Bundle, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return openFolder(path)
	}
	files, err := tarFiles(path)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	return openTar(path, files)
}

// manifestFault says of an error of reading a manifest that it is the bundle's fault, where it was read.
func manifestFault(path string, err error) error {
	if errors.As(err, new(manifest.UnreadError)) {
		return fmt.Errorf("opening bundle %q: %w", path, err)
	}
	return &FaultError{Bundle: path, Err: err}
}

// Close closes its files, and those of its base.
func (b *Bundle) Close() error {
	err := b.src.Close()
	if b.base != nil {
		err = errors.Join(err, b.base.Close())
	}
	return err
}

// On lays a delta on its base, which belongs to it from then on. The error is a *BaseError where it is another's.
func (b *Bundle) On(base *Bundle) error {
	if b.Base == "" {
		return fmt.Errorf("bundle %q is whole, so it has no base", b.Path)
	}
	if err := base.Complete(); err != nil {
		return err
	}
	if found := base.WholeID(); found != b.Base {
		return &BaseError{b.Path, b.Base, found}
	}
	b.base = base
	return nil
}

// CheckID refuses a bundle of another ID than the one that came another way, if one did; else its ID vouches for all in it.
func (b *Bundle) CheckID(want string) error {
	if want != "" && want != b.ID {
		return &FaultError{Bundle: b.Path, Err: fmt.Errorf("its ID is %s, not %s: it is another bundle, or was altered", b.ID, want)}
	}
	b.Vouched = want != ""
	return nil
}

// Complete is a *BaseError for a delta without its base.
func (b *Bundle) Complete() error {
	if b.Base != "" && b.base == nil {
		return &BaseError{Bundle: b.Path, Base: b.Base}
	}
	return nil
}

// open opens a file of the bundle or of its base.
func (b *Bundle) open(ctx context.Context, f manifest.File) (io.ReadCloser, error) {
	if !f.InBase {
		r, err := b.src.open(ctx, f)
		return r, faulty(b.Path, f.Path, err)
	}
	if err := b.Complete(); err != nil {
		return nil, err
	}
	g, ok := b.base.File(f.Path)
	if !ok || g.SHA256 != f.SHA256 || g.Size != f.Size {
		return nil, &FaultError{b.Path, f.Path, fmt.Errorf("the base %q has it not, or another", b.base.Path)}
	}
	return b.base.open(ctx, g)
}

// Open opens a file for reading. Where its end is reached its size and digest were right, else the error is a *FaultError, or
// a *ReadError where it could not be read.
func (b *Bundle) Open(ctx context.Context, f manifest.File) (io.ReadCloser, error) {
	r, err := b.open(ctx, f)
	if err != nil {
		return nil, err
	}
	return &checked{from: &untilDone{ctx, r}, hash: sha256.New(), file: f, bundle: b.Path}, nil
}

// Read reads a file of moderate size whole; fs.ErrNotExist where the bundle has none of that path.
func (b *Bundle) Read(ctx context.Context, path string) ([]byte, error) {
	f, ok := b.File(path)
	if !ok {
		return nil, fmt.Errorf("bundle %q has no %s: %w", b.Path, path, fs.ErrNotExist)
	}
	if f.Size > maxText {
		return nil, &FaultError{b.Path, path, fmt.Errorf("it has %d bytes, which no such file has", f.Size)}
	}
	r, err := b.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// checked holds what is read against the manifest, which says how much there is to read: a server may send without end.
type checked struct {
	from   io.ReadCloser
	hash   hash.Hash
	count  int64 // bytes that were read
	file   manifest.File
	bundle string
	err    error // the last word, once there is one
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.from.Read(p)
	if left := c.file.Size - c.count; int64(n) > left {
		n, err = int(left), c.wrong(c.count+int64(n), "")
	}
	c.hash.Write(p[:n]) // never fails, see hash.Hash
	c.count += int64(n)
	switch {
	case err == nil, errors.As(err, new(*FaultError)):
	case err == io.EOF: //nolint:errorlint // a reader's end is io.EOF itself
		err = c.judge()
	default:
		err = &ReadError{c.bundle, c.file.Path, err}
	}
	c.err = err
	return n, err
}

// judge is io.EOF at the end of what the manifest says.
func (c *checked) judge() error {
	if c.count < c.file.Size {
		return c.wrong(c.count, "")
	}
	if got := hex.EncodeToString(c.hash.Sum(nil)); got != c.file.SHA256 {
		return c.wrong(c.count, got)
	}
	return io.EOF
}

// damaged is the advice for bytes that are not what the bundle itself says of them.
const damaged = "it was damaged or altered on its way: bring the bundle again"

// wrong is the error for a file of another size, or of another SHA-256, than the manifest says.
func (c *checked) wrong(size int64, sum string) error {
	return &FaultError{c.bundle, c.file.Path, &mismatch.Error{What: "its SHA-256", Want: c.file.SHA256, Got: sum,
		Size: c.file.Size, GotSize: size, Advice: damaged}}
}

func (c *checked) Close() error { return c.from.Close() }

// Size is the file's, in bytes.
func (c *checked) Size() int64 { return c.file.Size }

// sameBytes reports whether what r holds from offset on is want.
func sameBytes(r io.ReaderAt, offset int64, want []byte) (bool, error) {
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, offset); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(got, want), nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// UntilDone reads from r until ctx ends.
func UntilDone(ctx context.Context, r io.ReadCloser) io.ReadCloser { return &untilDone{ctx, r} }

type untilDone struct {
	ctx context.Context //nolint:containedctx // a reader's Read takes none
	io.ReadCloser
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.ReadCloser.Read(p)
}
