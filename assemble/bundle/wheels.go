package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/regular"
	wheelfile "github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Wheels are those of a complete bundle, for a spec. Their URLs are what they are where the bundle was made.
func (b *Bundle) Wheels(s spec.Spec) input.Wheels {
	w := bundledWheels{bundle: b, of: make(map[string][]wheelfile.File), bySum: make(map[string]manifest.File)}
	for _, f := range b.Of(manifest.Wheel) {
		w.bySum[f.SHA256] = f
		name, err := tag.ParseFilename(path.Base(f.Path))
		if err != nil || len(f.From) == 0 {
			continue // verifying says so
		}
		file := wheelfile.File{Filename: name, Size: f.Size, Hashes: wheelfile.Hashes{"sha256": f.SHA256}}
		if spec.IsURL(f.From[0]) {
			file.URL = f.From[0]
		} else {
			file.Path = s.Path(filepath.FromSlash(f.From[0]))
		}
		w.of[name.Name] = append(w.of[name.Name], file)
	}
	return w
}

// bundledWheels implements input.Wheels.
type bundledWheels struct {
	bundle *Bundle
	of     map[string][]wheelfile.File // by project
	bySum  map[string]manifest.File
}

func (w bundledWheels) Of(project string) []wheelfile.File { return w.of[project] }

func (w bundledWheels) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	f, ok := w.bySum[sha256]
	if !ok {
		return nil, fmt.Errorf("bundle %q has no wheel with the SHA-256 %s: %w", w.bundle.Path, sha256, fs.ErrNotExist)
	}
	return w.bundle.Open(ctx, f)
}

// TextsOf reads what a spec reads for Python packages, if ReadSpec read the spec from this bundle; nil otherwise. It works as long
// as the bundle is open.
func (b *Bundle) TextsOf(s spec.Spec) input.Texts {
	for _, image := range b.Images() {
		if s.Name == b.specName(image) {
			return bundledTexts{b, image}
		}
	}
	return nil
}

// bundledTexts are the lock and requirements files of an image's spec.
type bundledTexts struct {
	bundle *Bundle
	image  string
}

// Read implements input.Texts. A file that a flag of this run names, by an absolute path, is this machine's.
func (t bundledTexts) Read(ctx context.Context, name string) ([]byte, error) {
	if f, ok := t.bundle.pythonFile(t.image, name); ok {
		return t.bundle.Read(ctx, f.Path)
	}
	if filepath.IsAbs(name) {
		return regular.Read(name, maxText)
	}
	return nil, fmt.Errorf("bundle %q has no %s of %s: %w", t.bundle.Path, name, manifest.SpecPath(t.image), fs.ErrNotExist)
}

// pythonFile finds the file that an image's spec calls by a name.
func (b *Bundle) pythonFile(image, name string) (manifest.File, bool) {
	name = filepath.ToSlash(name)
	for _, f := range b.Of(manifest.Python) {
		if f.Path == manifest.PythonPath(image, name, f.SHA256) && slices.Contains(f.From, name) {
			return f, true
		}
	}
	return manifest.File{}, false
}

// PythonFault says of an error of holding the lock or requirements files of an image's spec against its lock, all of them the
// bundle's, that the bundle is at fault.
func (b *Bundle) PythonFault(image string, err error) error {
	if errors.As(err, new(*lock.Error)) {
		err = errors.New("it was made of other lock or requirements files of Python packages than the bundle has")
	}
	return faulty(b.Path, manifest.LockPath(image), err)
}

// needWheels misses wheels that a lock takes.
func (v *verification) needWheels(name string, p lock.Platform, bySum map[string]manifest.File) {
	for _, w := range p.Wheels {
		v.wheels[w.SHA256] = true
		f, ok := bySum[w.SHA256]
		switch {
		case !ok:
			v.fault(manifest.LockPath(name), fmt.Errorf("it takes the wheel %s with the SHA-256 %s, and the bundle has it not", w.File, w.SHA256))
		case path.Base(f.Path) != w.File:
			v.fault(f.Path, fmt.Errorf("%s calls it %s", manifest.LockPath(name), w.File))
		case f.Size != w.Size:
			v.fault(f.Path, fmt.Errorf("it has %d bytes, %s says %d", f.Size, manifest.LockPath(name), w.Size))
		}
	}
}

// needPython holds the lock and requirements files of a spec against its lock, and notes which they are.
func (v *verification) needPython(ctx context.Context, name string, l lock.Lock) error {
	s, err := v.bundle.ReadSpec(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a spec with credentials is left out, and its files with it
	}
	if err != nil {
		return err
	}
	read := notedTexts{bundledTexts{v.bundle, name}, v.python}
	return v.bundle.PythonFault(name, wheels.Fit(ctx, l, s, read))
}

// notedTexts notes which files of a bundle were read, and reads no others.
type notedTexts struct {
	bundledTexts
	read map[string]bool // by path in the bundle
}

func (t notedTexts) Read(ctx context.Context, name string) ([]byte, error) {
	f, ok := t.bundle.pythonFile(t.image, name)
	if !ok {
		return nil, fmt.Errorf("its spec reads %s, and the bundle has it not", name)
	}
	t.read[f.Path] = true
	return t.bundle.Read(ctx, f.Path)
}
