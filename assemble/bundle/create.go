package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/atomicfile"
)

// Created says what was made.
type Created struct {
	ID      string `json:"id"`
	Base    string `json:"base,omitempty"` // of a delta
	Whole   string `json:"whole,omitempty"`
	Bundle  int64  `json:"bundle"`  // bytes that it takes
	Fetched int64  `json:"fetched"` // bytes that came from elsewhere, the indexes included
}

// Create makes the bundle. What it has fetched stays where it is interrupted, and the same call goes on from there.
// progress is told of what is fetched, as Options.Progress was of the indexes. The error is a *SpaceError where there is no
// room for it; nothing is fetched then but the indexes.
func (d *Draft) Create(ctx context.Context, progress input.Progress) (Created, error) {
	d.o.Progress = progress
	if !d.Fits() {
		return Created{}, &SpaceError{d.dir, d.Need, d.Free}
	}
	if err := d.into.note(d.planned); err != nil {
		return Created{}, err
	}
	if err := d.each(ctx, d.jobs(), d.bring); err != nil {
		return Created{}, err
	}
	m, err := d.manifest()
	if err != nil {
		return Created{}, err
	}
	d.listed = nil // the manifest has them
	for _, it := range d.items {
		if it.Kind == Index && it.at != inBase {
			d.into.late = append(d.into.late, it.Path)
		}
	}
	if err := d.into.settle(ctx, m); err != nil {
		return Created{}, err
	}
	if d.o.Tar {
		err = d.pack(ctx, m)
	} else {
		err = os.RemoveAll(d.work)
	}
	return Created{ID: m.ID, Base: m.Base, Whole: m.Whole, Bundle: d.Bundle, Fetched: d.fetched.Load()}, err
}

// planned are the paths of the files that will be in the folder.
func (d *Draft) planned(yield func(string) bool) {
	for it := range d.all() {
		if it.at != inBase && !yield(it.Path) {
			return
		}
	}
}

// bring brings a file, but for indexes, which came before and go to their places last.
func (d *Draft) bring(ctx context.Context, it *item) error {
	switch {
	case it.at == inBase, it.at == kept, it.Kind == Index:
		return ctx.Err()
	case it.text != nil:
		if err := replace(d.work, d.part(it), bytes.NewReader(it.text)); err != nil {
			return err
		}
		return d.into.place(it.Path)
	case it.at == local:
		return d.copy(ctx, it)
	case it.at == cached, it.at == earlier:
		if err := d.copy(ctx, it); err == nil || ctx.Err() != nil {
			return err
		}
		// Neither is a source to insist on: what is damaged there comes from where it came from.
	}
	err := d.transfer(ctx, it, func(file string) (err error) {
		it.SHA256, err = d.inspect(ctx, it, file)
		return err
	})
	if it.Unlisted && errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		err = &assemble.GoneError{Package: it.pkg.String(), Name: it.pkg.Name, Now: it.now, Err: err}
	}
	if err != nil {
		return err
	}
	return d.into.place(it.Path)
}

func (d *Draft) copy(ctx context.Context, it *item) error {
	r, err := d.reuse(ctx, it)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := replace(d.work, d.part(it), &untilDone{ctx, r}); err != nil {
		return err
	}
	if it.SHA256, err = d.inspect(ctx, it, d.part(it)); err != nil {
		return errors.Join(err, os.Remove(d.part(it)))
	}
	return d.into.place(it.Path)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func removeIfThere(name string) error { return ignoreMissing(os.Remove(name)) }

// pack makes the tar, in one piece or in parts, and removes the folder that its files came together in.
func (d *Draft) pack(ctx context.Context, m Manifest) error {
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return err
	}
	from := &Bundle{Manifest: m, Path: d.dir, src: &folder{root, m}}
	defer from.Close()
	write := func(w io.Writer) error {
		return writeTar(ctx, w, m, func(f File) (io.ReadCloser, error) { return from.Open(ctx, f) })
	}
	if d.o.Stream != nil {
		return d.o.Stream(write) // which knows where; the folder is the caller's
	}
	if err := d.writeParts(write); err != nil {
		return fmt.Errorf("writing %q: %w", d.o.Output, err)
	}
	// Out of the way at once: a run that waits for this one would take half of it for somebody's folder.
	away := filepath.Join(filepath.Dir(d.dir), atomicfile.Prefix+filepath.Base(d.dir))
	return errors.Join(os.RemoveAll(away), os.Rename(d.dir, away), os.RemoveAll(away))
}

// writeParts writes the tar to Output, in one piece or in parts.
func (d *Draft) writeParts(write func(io.Writer) error) error {
	s := &splitter{work: d.work, path: d.o.Output, limit: d.o.Split}
	if d.o.Split == 0 {
		s.limit = maxSize
	}
	defer s.abort()
	if err := write(s); err != nil {
		return err
	}
	if d.o.Split > 0 {
		return s.finish()
	}
	return s.finishOne()
}

// sumsSize is the size of the file that names a tar's parts.
func sumsSize(name string, tar, split int64) int64 {
	n := int64(0)
	for i := int64(0); i*split < tar; i++ {
		n += int64(len(fmt.Sprintf("%064d  %s.%03d\n", 0, name, i)))
	}
	return n
}
