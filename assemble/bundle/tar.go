package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// archive is a bundle as a tar.
type archive struct {
	*parts
	layout manifest.Layout
}

func openTar(path string, from *parts) (*Bundle, error) {
	m, err := tarManifest(from)
	if err == nil {
		var l manifest.Layout
		if l, err = m.Layout(); err == nil {
			return &Bundle{Manifest: m, Path: path, src: &archive{from, l}}, nil
		}
	}
	return nil, errors.Join(manifestFault(path, err), from.Close())
}

func tarManifest(from *parts) (manifest.Manifest, error) {
	t := tar.NewReader(io.NewSectionReader(from, 0, from.size))
	h, err := t.Next()
	switch {
	case err != nil:
		return manifest.Manifest{}, fmt.Errorf("it is no bundle: it is neither a folder nor a tar that begins with %s: %w", manifest.Name, err)
	case h.Name != manifest.Name || h.Size > manifest.MaxText:
		return manifest.Manifest{}, fmt.Errorf("it is no bundle: the tar begins with %q, expected %s; if it was packed by hand, unpack it and name the folder", h.Name, manifest.Name)
	}
	return manifest.Read(t)
}

func (a *archive) open(_ context.Context, f manifest.File) (io.ReadCloser, error) {
	p, ok := a.layout.Find(f.Path)
	if !ok {
		return nil, errors.New("it is missing")
	}
	header, err := p.Header()
	if err != nil {
		return nil, err
	}
	if p.Body+f.Size > a.size {
		return nil, fmt.Errorf("it is missing: the tar ends after %d bytes, expected %d", a.size, a.layout.Size)
	}
	if same, err := sameBytes(a, p.Start, header); err != nil || !same {
		return nil, errors.Join(errors.New("the tar has something else in its place"), err)
	}
	return section{io.NewSectionReader(a, p.Body, f.Size)}, nil
}

// section is a part of a file that stays open.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// around looks at the zeros after each file, and at the tar's end.
func (a *archive) around(ctx context.Context) []error {
	var faults []error
	end := a.layout.Size
	if a.size != end {
		faults = append(faults, fmt.Errorf("the tar has %d bytes, expected %d: it was cut off, or something was added", a.size, end))
	}
	zeros := make([]byte, manifest.TarEnd)
	for p := range a.layout.Places() {
		if same, err := sameBytes(a, p.Body+p.Size, zeros[:p.Padding()]); err != nil || !same {
			faults = append(faults, errors.Join(fmt.Errorf("the zeros after %s are none", p.Path), err))
		}
	}
	if same, err := sameBytes(a, end-manifest.TarEnd, zeros); a.size == end && (err != nil || !same) {
		faults = append(faults, errors.Join(errors.New("the zeros at the tar's end are none"), err))
	}
	header, err := a.layout.Manifest.Header()
	if same, readErr := sameBytes(a, 0, header); err != nil || readErr != nil || !same {
		faults = append(faults, errors.Join(errors.New("the tar's first header was altered"), err, readErr))
	}
	return append(faults, a.checkSums(ctx)...)
}
