package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers/local"
)

// ReadLock reads an image's lock; fs.ErrNotExist where the bundle has none of that name.
func (b *Bundle) ReadLock(ctx context.Context, name string) (lock.Lock, error) {
	text, err := b.Read(ctx, manifest.LockPath(name))
	if err != nil {
		return lock.Lock{}, err
	}
	lock, err := lock.Parse(text)
	if err != nil {
		return lock, &FaultError{b.Path, manifest.LockPath(name), err}
	}
	lock.Name = strings.TrimSuffix(b.Path, "/") + "/" + manifest.LockPath(name)
	spec, err := b.ReadSpec(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // left out, since it has credentials
		return lock, nil
	case err == nil && lock.Spec != spec.Digest():
		err = fmt.Errorf("it was made from another spec than %s", manifest.SpecPath(name))
	}
	return lock, faulty(b.Path, manifest.LockPath(name), err)
}

// ReadSpec reads an image's spec; fs.ErrNotExist where the bundle has none of that name. Its relative paths name files of
// the bundle, see Opener, and the files that it takes of its folder are those of FolderOf.
func (b *Bundle) ReadSpec(ctx context.Context, name string) (spec.Spec, error) {
	text, err := b.Read(ctx, manifest.SpecPath(name))
	if err != nil {
		return spec.Spec{}, err
	}
	return spec.Parse(b.specName(name), text)
}

// specName is what an image's spec is called in errors.
func (b *Bundle) specName(image string) string {
	return strings.TrimSuffix(b.Path, "/") + "/" + manifest.SpecPath(image)
}

// FolderOf opens the files that a spec takes of its folder, if ReadSpec read the spec from this bundle; nil otherwise. It works
// as long as the bundle is open.
func (b *Bundle) FolderOf(s spec.Spec) input.Folder {
	for _, image := range b.Images() {
		if s.Name == b.specName(image) {
			return packedFolder{b, image}
		}
	}
	return nil
}

// packedFolder is the folder of an image's files.
type packedFolder struct {
	bundle *Bundle
	image  string
}

// Open unpacks the files in a temporary place, which Close of the folder removes. The error is fs.ErrNotExist if the bundle has
// none, a *FaultError if "bundle create" does not pack files so, and a *ReadError if they could not be read or written.
func (p packedFolder) Open(ctx context.Context) (*local.Folder, error) {
	b := p.bundle
	f, ok := b.File(manifest.FilesPath(p.image))
	if !ok {
		return nil, fmt.Errorf("bundle %q has no %s: %w", b.Path, manifest.FilesPath(p.image), fs.ErrNotExist)
	}
	r, err := b.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	folder, err := local.Unpack(ctx, r)
	if err == nil {
		return folder, nil
	}
	if !errors.As(err, new(*local.PackedError)) {
		if errors.As(err, new(*FaultError)) || errors.As(err, new(*ReadError)) {
			return nil, err
		}
		return nil, &ReadError{b.Path, f.Path, err}
	}
	if _, readErr := io.Copy(io.Discard, r); readErr != nil {
		return nil, readErr // damage says more than what came of it
	}
	return nil, &FaultError{b.Path, f.Path, err}
}

// ImageOf is the name of the image that a spec's file name stands for; without one, of the bundle's only image.
func (b *Bundle) ImageOf(specFile string) (string, error) {
	images := b.Images()
	switch {
	case specFile != "":
		return strings.TrimSuffix(lock.FileFor(filepath.Base(specFile)), ".lock"), nil
	case len(images) == 1:
		return images[0], nil
	case len(images) == 0 || slices.Contains(images, "pyimg"):
		return "pyimg", nil
	}
	return "", exit.Usagef("the bundle %s has the specs %s; name one", b.Path, strings.Join(images, ".yaml, ")+".yaml")
}

// FilesFault says of an error of holding the files that an image's spec takes against its lock, both the bundle's, that the
// bundle is at fault.
func (b *Bundle) FilesFault(image string, err error) error {
	if errors.As(err, new(*lock.Error)) {
		err = errors.New("it holds other files than the lock was made of")
	}
	return faulty(b.Path, manifest.FilesPath(image), err)
}
