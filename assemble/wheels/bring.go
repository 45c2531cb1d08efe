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

// A Bringer fetches wheels and makes their fragments. Each wheel is fetched once, whatever platforms and images ask for it.
type Bringer struct {
	src     input.Access
	locator *Locator  // of a lock; nil: wheels are where they are said to be
	fronts  sync.Pool // of spooled
	opener  wheel.Opener
}

// NewBringer works with the fetcher and the store of src.
func NewBringer(src input.Access) *Bringer {
	return &Bringer{src: src}
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
	leave, err := b.src.Store.Alone(ctx, "wheel "+cmp.Or(f.URL, f.Path)) // the others then find it in the store
	if err != nil {
		return Wheel{}, err
	}
	defer leave()
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

// fetch reads a wheel, checks it, and keeps what is known of it.
func (b *Bringer) fetch(ctx context.Context, f source.File, how How) (Wheel, error) {
	temp := &spooled{store: b.src.Store, front: b.takeFront()}
	defer b.giveFront(temp)
	digest, err := b.download(ctx, temp, f)
	if err != nil {
		return Wheel{}, err
	}
	return b.learn(ctx, temp, temp.size, digest, f, how)
}

// opening names the wheel that cannot be opened. A file that is not there is the spec's fault, or the lock's.
func opening(f source.File, err error) error {
	err = fmt.Errorf("wheel %q: %w", f.Filename.Text, err)
	if f.Path != "" && errors.Is(err, fs.ErrNotExist) {
		return &SelectError{err}
	}
	return err
}

// download reads all of a wheel. It is checked against all that is known of it, and where it is another one, the next mirror is asked.
func (b *Bringer) download(ctx context.Context, to *spooled, f source.File) (digest string, err error) {
	for {
		r, at, err := b.open(ctx, f)
		if err != nil {
			return "", opening(f, err)
		}
		digest, theirs, err := read(r, to, f)
		if err == nil || !theirs || ctx.Err() != nil || at == "" || !b.src.Refuse(at, err) {
			return digest, err
		}
		to.reset()
	}
}

// read reads a wheel to its end, and checks it. An error is theirs if what was sent is to blame, and not this machine.
func read(r io.ReadCloser, to *spooled, f source.File) (digest string, theirs bool, err error) {
	most := int64(maxWheel)
	if f.Size > 0 {
		most = f.Size
	}
	checker, body := f.Checker(), &input.Body{Reader: r}
	if err = errors.Join(to.readAll(io.LimitReader(body, most+1), checker), r.Close()); err != nil {
		return "", body.Err != nil, fmt.Errorf("reading wheel %q: %w", f.Filename.Text, err)
	}
	if to.size > maxWheel {
		return "", true, wheelErrorf("reading wheel %q: it has more than %d bytes", f.Filename.Text, int64(maxWheel))
	}
	if err := checker.Check(); err != nil {
		why := "it was damaged or replaced, or the lock is not for it"
		if len(f.AnyOf) > 0 {
			why = "the requirements may have the hashes of wheels for other platforms alone, so lock with those of all (uv export, pip-compile " +
				"--generate-hashes); else it was damaged or replaced"
		}
		return "", true, wheelErrorf("%w; %s has other bytes than were asked for: %s", err, redact.URL(cmp.Or(f.Path, f.URL)), why)
	}
	return checker.SHA256(), false, nil
}

// open opens a wheel that is at hand by its SHA-256, else where it is said to be: at, which is "" for one that is at hand.
func (b *Bringer) open(ctx context.Context, f source.File) (r io.ReadCloser, at string, err error) {
	if sum := f.Hashes["sha256"]; sum != "" && b.src.Wheels != nil {
		r, err := b.src.Wheels.Open(ctx, sum)
		if err == nil {
			return b.src.Reported(r, f.Filename.Text, max(f.Size, -1)), "", nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	at = cmp.Or(f.Path, f.URL)
	if b.locator != nil {
		if at, err = b.locator.Locate(ctx, f); err != nil {
			return nil, "", err
		}
	}
	r, err = b.src.Open(ctx, at, f.Filename.Text, max(f.Size, -1))
	return r, at, err
}

// learn verifies a wheel, works out what it leaves, and makes its fragment.
func (b *Bringer) learn(ctx context.Context, data io.ReaderAt, size int64, digest string, f source.File, how How) (Wheel, error) {
	opened, err := b.opener.Open(data, size, f.Filename.Text)
	if err != nil {
		return Wheel{}, &WheelError{err}
	}
	if err := fits(f.Filename.Text, opened.Metadata.RequiresPython, how.Site); err != nil {
		return Wheel{}, err
	}
	plan, err := install.New(opened, nil, install.Options{Scheme: how.Site.Scheme, Interpreter: how.Site.Interpreter, Target: how.Site.Target, Requested: true})
	if err != nil {
		return Wheel{}, &WheelError{err}
	}
	drop := how.Drop[f.Filename.Text]
	plan.Files = slices.DeleteFunc(plan.Files, func(f install.File) bool { return slices.Contains(drop, f.Path) })
	at, err := key(opened.Filename, digest, how)
	if err != nil {
		return Wheel{}, err
	}
	var w Wheel
	_, err = b.unpack(ctx, opened, plan, how.Making, at, func(fragment layers.Blob) ([]byte, error) {
		w = newWheel(opened, plan, digest, size)
		w.Fragment = fragment
		return w.record()
	})
	if err != nil {
		return Wheel{}, err
	}
	w.from(f)
	return w, nil
}

// unpack makes the wheel's part of a layer, and verifies the wheel in the same pass. It fills the sums in the plan, and then the store
// keeps under key what describe returns.
func (b *Bringer) unpack(ctx context.Context, opened *wheel.Wheel, plan install.Plan, o layers.MakeOptions, key string,
	describe func(fragment layers.Blob) ([]byte, error),
) (layers.Blob, error) {
	verifier := opened.Verifier()
	files := make([]layers.Deflated, len(plan.Files))
	for i, f := range plan.Files {
		files[i] = deflated(opened.Archive, f, verifier)
	}
	unpacked := false
	fragment, err := b.src.Store.Splice(ctx, o, files, key, func(fragment layers.Blob) ([]byte, error) {
		unpacked = true
		sums, err := verifier.Rest(ctx) // what is not installed
		if err != nil {
			return nil, &WheelError{err}
		}
		plan.Fill(sums)
		return describe(fragment)
	})
	wrong, damage := (*WheelError)(nil), (*layers.DamageError)(nil)
	switch {
	case unpacked && err != nil && !errors.As(err, &wrong):
		return layers.Blob{}, fmt.Errorf("keeping what is known of wheel %q: %w", opened.Filename.Text, err)
	case unpacked:
		return fragment, err
	case errors.As(err, &wrong):
		return layers.Blob{}, wheelErrorf("verifying wheel %q: %w", opened.Filename.Text, wrong.Err)
	case errors.As(err, &damage):
		return layers.Blob{}, wheelErrorf("verifying wheel %q: %w", opened.Filename.Text, err)
	}
	return layers.Blob{}, fmt.Errorf("unpacking wheel %q: %w", opened.Filename.Text, err)
}

// deflated is a file for a fragment. Of a wheel's member the verifier sees the content.
func deflated(from *archive.Archive, f install.File, v *wheel.Verifier) layers.Deflated {
	d := layers.Deflated{Name: f.Path, Mode: int64(f.Mode.Perm()), Size: f.Size}
	if f.Member == nil {
		d.Plain, d.CRC = true, crc32.ChecksumIEEE(f.Data)
		d.Data = io.NewSectionReader(bytes.NewReader(f.Data), 0, int64(len(f.Data)))
		return d
	}
	d.CRC, d.Data, d.Plain = f.Member.CRC, from.Raw(*f.Member), f.Member.Method == archive.Stored
	d.Also = refusing{v.Member(f.Index())}
	return d
}

// refusing makes the errors of a verifier those of a wheel.
type refusing struct{ io.WriteCloser }

func (w refusing) Write(p []byte) (int, error) {
	n, err := w.WriteCloser.Write(p)
	return n, asWheelError(err)
}

func (w refusing) Close() error { return asWheelError(w.WriteCloser.Close()) }

func asWheelError(err error) error {
	if err == nil {
		return nil
	}
	return &WheelError{err}
}
