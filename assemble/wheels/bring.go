package wheels

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/source"
)

// maxWheel bounds what is read of a wheel: the largest on a public index have some 3 GB.
const maxWheel = 16 << 30

// How is how wheels are installed.
type How struct {
	Site   Site
	Making layers.MakeOptions
	// Drop are paths that the wheel's fragment leaves out, by file name of the wheel: another wheel has the same bytes there.
	Drop map[string][]string
}

// A Bringer fetches wheels and makes their fragments. The platforms of a run share one: each wheel is fetched once.
type Bringer struct {
	src     input.Access
	locator *Locator // of a lock; nil: wheels are where they are said to be
	mu      sync.Mutex
	at      map[string]*sync.Mutex // by location
}

// NewBringer works with the fetcher and the store of src.
func NewBringer(src input.Access) *Bringer {
	return &Bringer{src: src, at: make(map[string]*sync.Mutex)}
}

// NewLockedBringer brings wheels of a lock.
func NewLockedBringer(src input.Access, at *Locator) *Bringer {
	b := NewBringer(src)
	b.locator = at
	return b
}

// Bring brings wheels into the store, many at once, in their order. Faults of several are all in the error.
func (b *Bringer) Bring(ctx context.Context, files []source.File, how How) ([]Wheel, error) {
	out, errs := make([]Wheel, len(files)), make([]error, len(files))
	var g errgroup.Group
	g.SetLimit(b.src.Limit())
	for i, f := range files {
		g.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				out[i], errs[i] = b.bring(ctx, f, how)
			}
			return nil
		})
	}
	_ = g.Wait() // no error: they are in errs
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return out, errors.Join(errs...)
}

func (b *Bringer) bring(ctx context.Context, f source.File, how How) (Wheel, error) {
	defer b.enter(cmp.Or(f.URL, f.Path))()
	digest, err := b.digest(ctx, f)
	if err != nil {
		return Wheel{}, err
	}
	if digest != "" {
		if w, err := b.known(f, digest, how); !errors.Is(err, fs.ErrNotExist) {
			return w, err
		}
	}
	return b.fetch(ctx, f, how)
}

// enter lets one platform at a time work on a wheel. The others then find it in the store.
func (b *Bringer) enter(location string) (leave func()) {
	b.mu.Lock()
	m := b.at[location]
	if m == nil {
		m = new(sync.Mutex)
		b.at[location] = m
	}
	b.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// digest is the SHA-256 that the wheel must have, in hexadecimal, or the one that a file has; "" where only fetching can tell.
func (b *Bringer) digest(ctx context.Context, f source.File) (string, error) {
	if sum := f.Hashes["sha256"]; sum != "" {
		return sum, nil
	}
	if len(f.AnyOf) == 1 && f.AnyOf[0].Name == "sha256" {
		return f.AnyOf[0].Digest, nil
	}
	if f.Path == "" {
		return "", nil
	}
	at, err := filepath.Abs(f.Path)
	if err != nil {
		return "", err
	}
	digest, err := local.Digest(b.src.Store, at, func() (string, error) {
		r, err := b.src.Fetch.Open(ctx, f.Path)
		if err != nil {
			return "", opening(f, err)
		}
		defer r.Close()
		h := sha256.New()
		_, err = io.Copy(h, io.LimitReader(r, maxWheel))
		return hex.EncodeToString(h.Sum(nil)), err
	})
	return digest, err
}

// fetch reads a wheel into a temporary file, checks it, and keeps what is known of it.
func (b *Bringer) fetch(ctx context.Context, f source.File, how How) (Wheel, error) {
	temp, done, err := b.src.Store.Scratch()
	if err != nil {
		return Wheel{}, err
	}
	defer done()
	digest, size, err := b.download(ctx, temp, f)
	if err != nil {
		return Wheel{}, err
	}
	return b.learn(ctx, temp, size, digest, f, how)
}

// opening names the wheel that cannot be opened. A file that is not there is the spec's fault, or the lock's.
func opening(f source.File, err error) error {
	err = fmt.Errorf("wheel %q: %w", f.Filename.Text, err)
	if f.Path != "" && errors.Is(err, fs.ErrNotExist) {
		return &SelectError{err}
	}
	return err
}

// download writes a wheel to a file. It is checked against all that is known of it.
func (b *Bringer) download(ctx context.Context, to *os.File, f source.File) (digest string, size int64, err error) {
	r, err := b.open(ctx, f)
	if err != nil {
		return "", 0, opening(f, err)
	}
	most := int64(maxWheel)
	if f.Size > 0 {
		most = f.Size
	}
	sum, checker := sha256.New(), f.Checker()
	size, err = io.Copy(io.MultiWriter(to, sum, checker), io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return "", 0, fmt.Errorf("reading wheel %q: %w", f.Filename.Text, err)
	}
	if size > maxWheel {
		return "", 0, wheelErrorf("reading wheel %q: it has more than %d bytes", f.Filename.Text, int64(maxWheel))
	}
	if err := checker.Check(); err != nil {
		return "", 0, wheelErrorf("%w; %s has other bytes than were asked for: it was damaged or replaced, or the lock is not for it", err, redact.URL(cmp.Or(f.Path, f.URL)))
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}

// open opens a wheel that is at hand by its SHA-256, else where it is said to be.
func (b *Bringer) open(ctx context.Context, f source.File) (io.ReadCloser, error) {
	if sum := f.Hashes["sha256"]; sum != "" && b.src.Wheels != nil {
		r, err := b.src.Wheels.Open(ctx, sum)
		if err == nil {
			return b.src.Reported(r, f.Filename.Text, max(f.Size, -1)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	at := cmp.Or(f.Path, f.URL)
	if b.locator != nil {
		var err error
		if at, err = b.locator.Locate(ctx, f); err != nil {
			return nil, err
		}
	}
	return b.src.Open(ctx, at, f.Filename.Text, max(f.Size, -1))
}

// learn verifies a wheel, works out what it leaves, and makes its fragment.
func (b *Bringer) learn(ctx context.Context, data io.ReaderAt, size int64, digest string, f source.File, how How) (Wheel, error) {
	opened, err := wheel.Open(data, size, f.Filename.Text)
	if err != nil {
		return Wheel{}, &WheelError{err}
	}
	if err := fits(f.Filename.Text, opened.Metadata.RequiresPython, how.Site); err != nil {
		return Wheel{}, err
	}
	sums, err := opened.Verify(ctx, nil)
	if err != nil {
		return Wheel{}, &WheelError{err}
	}
	plan, err := install.New(opened, sums, install.Options{Scheme: how.Site.Scheme, Interpreter: how.Site.Interpreter, Target: how.Site.Target, Requested: true})
	if err != nil {
		return Wheel{}, &WheelError{err}
	}
	drop := how.Drop[f.Filename.Text]
	plan.Files = slices.DeleteFunc(plan.Files, func(f install.File) bool { return slices.Contains(drop, f.Path) })
	w := newWheel(opened, plan, digest, size)
	if w.Fragment, err = b.fragment(ctx, opened.Archive, plan, digest, how.Making); err != nil {
		return Wheel{}, err
	}
	w.from(f)
	return w, b.keep(w, how)
}

// fragment makes the wheel's part of a layer. It depends on the wheel's bytes and on the paths and modes of its files: a wheel
// that leaves the same files on all platforms has one fragment.
func (b *Bringer) fragment(ctx context.Context, from *archive.Archive, plan install.Plan, digest string, o layers.MakeOptions) (layers.Blob, error) {
	h := sha256.New()
	for _, f := range plan.Files {
		fmt.Fprintf(h, "%q %o %x\n", f.Path, f.Mode, f.SHA256)
	}
	recipe := fmt.Sprintf("wheel %s %x", digest, h.Sum(nil))
	return b.src.Store.Splice(ctx, recipe, o, func() ([]layers.Deflated, error) {
		files := make([]layers.Deflated, len(plan.Files))
		for i, f := range plan.Files {
			files[i] = deflated(from, f)
		}
		return files, nil
	})
}

func deflated(from *archive.Archive, f install.File) layers.Deflated {
	d := layers.Deflated{Name: f.Path, Mode: int64(f.Mode.Perm()), Size: f.Size}
	if f.Member == nil {
		d.Plain, d.CRC = true, crc32.ChecksumIEEE(f.Data)
		d.Data = io.NewSectionReader(bytes.NewReader(f.Data), 0, int64(len(f.Data)))
		return d
	}
	d.CRC, d.Data, d.Plain = f.Member.CRC, from.Raw(*f.Member), f.Member.Method == archive.Stored
	return d
}
