package create

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/internal/mismatch"
)

// A maker does what there is to do for the files of one plan.
type maker struct {
	o     Options
	at    *place
	fetch *fetcher

	unmade *unmade // layers; nil while the plan is made
}

// examine finds out which files need not be fetched.
func (p *plan) examine(ctx context.Context, m maker) error {
	return p.each(ctx, runtime.GOMAXPROCS(0), m.examine)
}

func (m maker) examine(ctx context.Context, it *item) error {
	if m.o.Since != nil {
		if f, ok := m.o.Since.File(it.Path); ok && sameAs(f, it.File) {
			it.SHA256, it.at = f.SHA256, inBase
			return nil
		}
	}
	if it.at == ready || it.text != nil {
		it.at = ready
		return nil
	}
	if sum, err := m.inspect(ctx, it, folder.Below(m.at.dir, it.Path)); err == nil {
		it.SHA256, it.at = sum, kept
		return nil
	} else if ctx.Err() != nil {
		return err
	}
	if m.at.old != nil {
		if f, ok := m.at.old.File(it.Path); ok && !f.InBase && sameAs(f, it.File) {
			it.at = earlier
			return nil
		}
	}
	if r, err := m.fromStore(it); err == nil {
		it.at = cached
		return r.Close()
	}
	if it.read != nil && it.Kind != manifest.Image {
		it.at = local
		return nil
	}
	it.there = m.fetch.transferred(it)
	return nil
}

// sameAs reports whether a file of another bundle is what this one is to be, whose digest may not be known yet.
func sameAs(f, want manifest.File) bool {
	return want.SHA256 != "" && f.SHA256 == want.SHA256 || want.Kind == manifest.Package && f.Checksum == want.Checksum && f.Size == want.Size
}

// inspect checks whether a file is what the item is to be, and returns its SHA-256.
func (m maker) inspect(ctx context.Context, it *item, name string) (string, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() != it.Size {
		return "", fmt.Errorf("%q has %d bytes, expected %d", it.name(), info.Size(), it.Size)
	}
	sum, err := folder.SumOf(ctx, name)
	if err != nil {
		return "", err
	}
	if it.Kind != manifest.Package {
		if sum != it.SHA256 {
			err = &mismatch.Error{Name: it.name(), Want: "sha256:" + it.SHA256, Got: "sha256:" + sum}
		}
		return sum, err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	a, err := apk.OpenArchive(bundle.UntilDone(ctx, f), apk.Expect{Package: it.pkg, Keyring: m.o.Keyring, Name: it.name()})
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, a.Data); err != nil {
		return "", err
	}
	if it.data != "" && it.data != "sha256:"+a.Control.DataHash {
		return "", &mismatch.Error{Name: it.name(), What: "the checksum of its data", Want: it.data, Got: "sha256:" + a.Control.DataHash}
	}
	return sum, nil
}

// reuse opens a file that need not be fetched.
func (m maker) reuse(ctx context.Context, it *item) (io.ReadCloser, error) {
	switch it.at {
	case local:
		return it.read(ctx)
	case earlier:
		f, _ := m.at.old.File(it.Path)
		return m.at.old.Open(ctx, f)
	}
	return m.fromStore(it)
}

// fromStore opens a file that a build kept; fs.ErrNotExist where none did.
func (m maker) fromStore(it *item) (io.ReadCloser, error) {
	switch {
	case m.o.Store == nil:
		return nil, fs.ErrNotExist
	case it.Kind == manifest.Package:
		return ingest.StoredArchive(it.pkg, m.o.Store)
	}
	return m.o.Store.Open("sha256:" + it.SHA256)
}

// bring brings a file, but for indexes, which came before and go to their places last.
func (m maker) bring(ctx context.Context, it *item) error {
	switch {
	case it.at == inBase, it.at == kept, it.Kind == manifest.Index:
		return ctx.Err()
	case it.text != nil:
		if err := folder.Replace(m.at.work, m.at.part(it.Path), bytes.NewReader(it.text)); err != nil {
			return err
		}
		return m.at.into.Place(it.Path)
	case it.at == local:
		err := m.copy(ctx, it)
		if m.unmade.forgive(it, err) {
			it.at = absent
			return nil
		}
		return err
	case it.at == cached, it.at == earlier:
		if err := m.copy(ctx, it); err == nil || ctx.Err() != nil {
			return err
		}
		// Neither is a source to insist on: what is damaged there comes from where it came from.
	}
	err := m.fetch.transfer(ctx, it, func(file string) (err error) {
		it.SHA256, err = m.inspect(ctx, it, file)
		return err
	})
	if it.Unlisted && errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		err = &ingest.GoneError{Package: it.pkg.String(), Name: it.pkg.Name, Now: it.now, Err: err}
	}
	if err != nil {
		return err
	}
	return m.at.into.Place(it.Path)
}

func (m maker) copy(ctx context.Context, it *item) error {
	r, err := m.reuse(ctx, it)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := folder.Replace(m.at.work, m.at.part(it.Path), bundle.UntilDone(ctx, r)); err != nil {
		return err
	}
	if it.SHA256, err = m.inspect(ctx, it, m.at.part(it.Path)); err != nil {
		return errors.Join(err, os.Remove(m.at.part(it.Path)))
	}
	return m.at.into.Place(it.Path)
}
