package bundle

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/layers"
)

// examine finds out which files need not be fetched.
func (d *Draft) examine(ctx context.Context) error {
	return d.each(ctx, runtime.GOMAXPROCS(0), d.examineOne)
}

func (d *Draft) examineOne(ctx context.Context, it *item) error {
	if d.o.Since != nil {
		if f, ok := d.o.Since.File(it.Path); ok && f.sameAs(it.File) {
			it.SHA256, it.at = f.SHA256, inBase
			return nil
		}
	}
	if it.at == ready || it.text != nil {
		it.at = ready
		return nil
	}
	if sum, err := d.inspect(ctx, it, below(d.dir, it.Path)); err == nil {
		it.SHA256, it.at = sum, kept
		return nil
	} else if ctx.Err() != nil {
		return err
	}
	if d.old != nil {
		if f, ok := d.old.File(it.Path); ok && !f.InBase && f.sameAs(it.File) {
			it.at = earlier
			return nil
		}
	}
	if r, err := d.fromStore(it); err == nil {
		it.at = cached
		return r.Close()
	}
	if it.Kind == Files {
		it.at = local
		return nil
	}
	it.there = d.transferred(it)
	return nil
}

// sameAs tells whether a file of another bundle is what this one is to be, whose digest may not be known yet.
func (f File) sameAs(want File) bool {
	return want.SHA256 != "" && f.SHA256 == want.SHA256 || want.Kind == Package && f.Checksum == want.Checksum && f.Size == want.Size
}

// inspect tells whether a file is what the item is to be, and returns its SHA-256.
func (d *Draft) inspect(ctx context.Context, it *item, name string) (string, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() != it.Size {
		return "", fmt.Errorf("%q has %d bytes, expected %d", it.name(), info.Size(), it.Size)
	}
	sum, err := sumOf(ctx, name)
	if err != nil {
		return "", err
	}
	if it.Kind != Package {
		if sum != it.SHA256 {
			err = &layers.DigestError{Name: it.name(), Want: "sha256:" + it.SHA256, Got: "sha256:" + sum}
		}
		return sum, err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	a, err := apk.OpenArchive(&untilDone{ctx, f}, apk.Expect{Package: it.pkg, Keyring: d.o.Keyring, Name: it.name()})
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, a.Data); err != nil {
		return "", err
	}
	if it.data != "" && it.data != "sha256:"+a.Control.DataHash {
		return "", &apk.HashError{Name: it.name(), What: "data", Want: it.data, Got: "sha256:" + a.Control.DataHash}
	}
	return sum, nil
}

// reuse opens a file that need not be fetched.
func (d *Draft) reuse(ctx context.Context, it *item) (io.ReadCloser, error) {
	switch it.at {
	case local:
		return it.read(ctx)
	case earlier:
		f, _ := d.old.File(it.Path)
		return d.old.Open(ctx, f)
	}
	return d.fromStore(it)
}

// fromStore opens a file that a build kept; fs.ErrNotExist where none did.
func (d *Draft) fromStore(it *item) (io.ReadCloser, error) {
	switch {
	case d.o.Store == nil:
		return nil, fs.ErrNotExist
	case it.Kind == Package:
		return assemble.StoredArchive(it.pkg, d.o.Store)
	}
	return d.o.Store.Open("sha256:" + it.SHA256)
}

// measure sums up.
func (d *Draft) measure(context.Context) error {
	written := int64(0)
	for it := range d.all() {
		if it.at == inBase {
			d.InBase += it.Size
			continue
		}
		d.Files++
		switch it.at {
		case remote:
			d.Fetch += it.Size - it.there
			written += it.Size - it.there
		case cached:
			d.Cached += it.Size
			written += it.Size
		case kept:
			d.Kept += it.Size
		case local:
			written += it.Size
		case earlier:
			d.Kept += it.Size
			written += it.Size
		case ready:
			if it.text != nil || d.o.DryRun {
				written += it.Size
			}
		}
	}
	m, err := d.manifest()
	if err != nil {
		return err
	}
	text, err := m.textSize()
	if err != nil {
		return err
	}
	d.Bundle = m.Size() + text
	d.Need = written + text
	if d.o.Tar {
		if _, _, d.Bundle, err = layout(m); err != nil {
			return err
		}
		if d.o.Split > 0 {
			d.Bundle += sumsSize(filepath.Base(d.o.Output), d.Bundle, d.o.Split)
		}
		if d.o.Stream == nil {
			d.Need += d.Bundle
		}
	}
	d.Free = freeSpace(d.dir)
	return nil
}

// unknown stands for a digest that is not known yet, and is as long.
const unknown = "0000000000000000000000000000000000000000000000000000000000000000"

// manifest is the one that the bundle will have. It has unknown for digests that are not known yet.
func (d *Draft) manifest() (Manifest, error) {
	m := Manifest{Version: version}
	for _, p := range d.o.Inputs.Platforms {
		m.Platforms = append(m.Platforms, p.Platform.String())
	}
	n := len(d.items)
	for _, ls := range d.listed {
		n += len(ls)
	}
	files := lister{FileList: FileList{make([]entry, 0, n)}}
	for _, it := range d.items {
		f := it.File
		f.SHA256 = cmp.Or(f.SHA256, unknown)
		if err := files.add(f); err != nil {
			return m, err
		}
	}
	for l := range d.packages() {
		files.entries = append(files.entries, l.entry)
	}
	files.sort()
	m.Files = files.FileList
	if err := m.seal(); err != nil || d.o.Since == nil {
		return m, err
	}
	return m.since(*d.o.Since)
}
