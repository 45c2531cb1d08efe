package base

import (
	"archive/tar"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/layers/tree"
)

// A reader reads files of an image's root.
type reader struct {
	tree  *tree.Tree
	image *Image
	src   input.Access
}

func (r *reader) files(ctx context.Context) root.Files {
	return root.Files{
		All: func(yield func(string, *tar.Header) bool) {
			for n := range r.tree.All() {
				if n.Path != "" && !yield(n.Path, n.Entry.Header) {
					return
				}
			}
		},
		Read: r.read,
		SHA1: func(path string) ([]byte, error) { return r.sha1(ctx, path) },
	}
}

// database opens apk's database, or says why that cannot be.
func (r *reader) database(ctx context.Context) (*root.Base, error) {
	b, err := root.OpenBase(r.files(ctx))
	if err == nil {
		return b, nil
	}
	const elsewhere = "usr/lib/apk/db/installed"
	if _, there := r.tree.Lookup(elsewhere); errors.Is(err, root.ErrNoDatabase) && there == nil {
		err = fmt.Errorf("%w; there is a /%s, and no symlink /lib leads to it: apk itself does not look there", err, elsewhere)
	}
	return nil, err
}

// read returns the content of a file that the store keeps the content of.
func (r *reader) read(name string) ([]byte, error) {
	n, err := r.tree.Lookup(name)
	if err != nil {
		return nil, err
	}
	h := n.Entry.Header
	switch {
	case n.IsDir() || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeLink:
		return nil, fmt.Errorf("/%s is no regular file: %w", name, fs.ErrNotExist)
	case n.Entry.Kept == nil && h.Size > 0:
		return nil, fmt.Errorf("it has %d bytes, which is too much", h.Size)
	}
	return n.Entry.Kept, nil
}

// sha1 reads a file for its checksum. The store keeps it.
func (r *reader) sha1(ctx context.Context, name string) ([]byte, error) {
	n, err := r.tree.Lstat(name)
	if err != nil {
		return nil, err
	}
	if n.Layer >= len(r.image.Layers) {
		return nil, fs.ErrNotExist
	}
	l := r.image.Layers[n.Layer]
	want := n.Entry.Path()
	if n.Entry.Header.Typeflag == tar.TypeLink {
		want = n.Entry.Target()
	}
	key := fmt.Sprintf("sha1 of a file %s %q", l.Digest, want)
	if sum, err := r.src.Store.Record(key); err == nil && len(sum) == sha1.Size {
		return sum, nil
	}
	var sum []byte
	err = r.image.eachMember(ctx, n.Layer, r.src, func(e string, content io.Reader) error {
		if e != want {
			return nil
		}
		h := sha1.New()
		_, err := io.Copy(h, content)
		sum = h.Sum(nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	if sum == nil {
		return nil, fmt.Errorf("layer %s has no %q: %w", l.Digest, want, fs.ErrNotExist)
	}
	return sum, r.src.Store.SetRecord(key, sum)
}

// ReadLayer calls do with the inflated tar of a layer, as layers.Store.Tar does.
func (i *Image) ReadLayer(ctx context.Context, n int, src input.Access, do func(io.Reader) error) error {
	return src.Store.Tar(ctx, i.source(n, src), i.Layers[n].DiffID, do)
}

// eachMember calls do with each regular file of a stored layer, and its path.
func (i *Image) eachMember(ctx context.Context, n int, src input.Access, do func(path string, content io.Reader) error) error {
	return i.ReadLayer(ctx, n, src, func(in io.Reader) error {
		for t := tar.NewReader(in); ; {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if h.Typeflag != tar.TypeReg {
				continue
			}
			if err := do(entryPath(h), t); err != nil {
				return err
			}
		}
	})
}
