package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// folder is a bundle as a folder.
type folder struct {
	root  *os.Root
	files manifest.Manifest
}

func openFolder(path string) (*Bundle, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	m, err := folderManifest(root)
	if err != nil {
		return nil, errors.Join(manifestFault(path, err), root.Close())
	}
	return &Bundle{Manifest: m, Path: path, src: &folder{root, m}}, nil
}

// OpenFolder opens a folder that holds the bundle of a manifest which is known already.
func OpenFolder(path string, m manifest.Manifest) (*Bundle, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	return &Bundle{Manifest: m, Path: path, src: &folder{root, m}}, nil
}

func folderManifest(root *os.Root) (manifest.Manifest, error) {
	info, err := root.Lstat(manifest.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return manifest.Manifest{}, fmt.Errorf("it has no %s: this is no bundle, or one whose creation was interrupted and is to be run again", manifest.Name)
	case err == nil && !info.Mode().IsRegular(): // opening a FIFO waits for a writer
		return manifest.Manifest{}, fmt.Errorf("its %s is %v, expected a plain file", manifest.Name, info.Mode().Type())
	}
	f, err := root.Open(manifest.Name)
	if err != nil {
		return manifest.Manifest{}, manifest.UnreadError{Err: err}
	}
	defer f.Close()
	return manifest.Read(f)
}

func (d *folder) open(_ context.Context, f manifest.File) (io.ReadCloser, error) {
	info, err := d.root.Lstat(filepath.FromSlash(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it is missing")
	case errors.Is(err, fs.ErrPermission):
		return nil, &ReadError{d.root.Name(), f.Path, err}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is %v, expected a plain file", info.Mode().Type())
	case info.Size() != f.Size:
		return nil, fmt.Errorf("it has %d bytes, the manifest says %d", info.Size(), f.Size)
	}
	file, err := d.root.Open(filepath.FromSlash(f.Path))
	if err != nil {
		return nil, &ReadError{d.root.Name(), f.Path, err}
	}
	return file, nil
}

// around finds files that the manifest does not name.
func (d *folder) around(ctx context.Context) []error {
	var faults []error
	err := fs.WalkDir(d.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path == manifest.Name {
			return errors.Join(err, ctx.Err())
		}
		if f, ok := d.files.File(path); !ok || f.InBase {
			faults = append(faults, fmt.Errorf("%q is there, and the manifest does not name it", path))
		}
		return ctx.Err()
	})
	if err != nil {
		faults = append(faults, err)
	}
	return faults
}

func (d *folder) Close() error { return d.root.Close() }
