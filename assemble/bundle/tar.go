package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// A bundle's tar has one form: the manifest, then its files in its order, with no other entry and nothing after the two
// blocks of zeros that end it. So the manifest says where each byte lies, and no byte can change unnoticed.

const (
	tarBlock = 512
	tarEnd   = 2 * tarBlock
)

// tarHeader is what stands before a file of the tar.
func tarHeader(path string, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)})
	return b.Bytes(), err
}

// padding is how many zeros follow a file of this size.
func padding(size int64) int64 { return (tarBlock - size%tarBlock) % tarBlock }

// A place is where one file lies in the tar.
type place struct {
	path  string
	size  int64
	start int64 // of its header
	body  int64
}

func (p place) end() int64 { return p.body + p.size + padding(p.size) }

// placeAt is the place of a file that begins at start.
func placeAt(path string, size, start int64) (place, error) {
	header, err := tarHeader(path, size)
	if err != nil {
		return place{}, fmt.Errorf("%s: %w", path, err)
	}
	return place{path, size, start, start + int64(len(header))}, nil
}

// layout says where the files of a manifest lie: by their number in it where each begins, -1 for one of the base, and how
// long the manifest and the tar are.
func layout(m Manifest) (starts []int64, manifest place, size int64, err error) {
	text, err := m.textSize()
	if err != nil {
		return nil, place{}, 0, err
	}
	if manifest, err = placeAt(ManifestName, text, 0); err != nil {
		return nil, place{}, 0, err
	}
	at := manifest.end()
	starts = make([]int64, m.Files.Len())
	for i, e := range m.Files.entries {
		starts[i] = -1
		if e.marks&isInBase != 0 {
			continue
		}
		p, err := placeAt(e.path, e.size, at)
		if err != nil {
			return nil, place{}, 0, err
		}
		starts[i], at = at, p.end()
	}
	return starts, manifest, at + tarEnd, nil
}

// writeTar writes the tar of a manifest, whose files open opens.
func writeTar(ctx context.Context, w io.Writer, m Manifest, open func(File) (io.ReadCloser, error)) error {
	size, err := m.textSize()
	if err != nil {
		return err
	}
	if err := writeMember(w, File{Path: ManifestName, Size: size}, m.seekable(size)); err != nil {
		return err
	}
	for f := range m.own() {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := open(f)
		if err != nil {
			return err
		}
		err = writeMember(w, f, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	_, err = w.Write(make([]byte, tarEnd))
	return err
}

func writeMember(w io.Writer, f File, r io.Reader) error {
	header, err := tarHeader(f.Path, f.Size)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	n, err := io.Copy(w, r)
	if err == nil && n != f.Size {
		err = fmt.Errorf("it has %d bytes, expected %d", n, f.Size)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(make([]byte, padding(f.Size)))
	return err
}

// archive is a bundle as a tar.
type archive struct {
	*parts
	files    FileList
	starts   []int64 // by file
	manifest place
	end      int64
}

func openTar(path string, from *parts) (*Bundle, error) {
	m, err := tarManifest(from)
	if err == nil {
		a := &archive{parts: from, files: m.Files}
		if a.starts, a.manifest, a.end, err = layout(m); err == nil {
			return &Bundle{Manifest: m, Path: path, src: a}, nil
		}
	}
	return nil, errors.Join(manifestFault(path, err), from.Close())
}

func tarManifest(from *parts) (Manifest, error) {
	t := tar.NewReader(io.NewSectionReader(from, 0, from.size))
	h, err := t.Next()
	switch {
	case err != nil:
		return Manifest{}, fmt.Errorf("it is no bundle: it is neither a folder nor a tar that begins with %s: %w", ManifestName, err)
	case h.Name != ManifestName || h.Size > maxManifest:
		return Manifest{}, fmt.Errorf("it is no bundle: the tar begins with %q, expected %s; if it was packed by hand, unpack it and name the folder", h.Name, ManifestName)
	}
	return ReadManifest(t)
}

func (a *archive) open(_ context.Context, f File) (io.ReadCloser, error) {
	i, ok := a.files.find(f.Path)
	if !ok || a.starts[i] < 0 {
		return nil, errors.New("it is missing")
	}
	header, err := tarHeader(f.Path, f.Size)
	if err != nil {
		return nil, err
	}
	body := a.starts[i] + int64(len(header))
	if body+f.Size > a.size {
		return nil, fmt.Errorf("it is missing: the tar ends after %d bytes, expected %d", a.size, a.end)
	}
	if same, err := sameBytes(a, a.starts[i], header); err != nil || !same {
		return nil, errors.Join(errors.New("the tar has something else in its place"), err)
	}
	return section{io.NewSectionReader(a, body, f.Size)}, nil
}

// section is a part of a file that stays open.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// places yields where the files lie, the manifest first.
func (a *archive) places() iter.Seq[place] {
	return func(yield func(place) bool) {
		if !yield(a.manifest) {
			return
		}
		for i, e := range a.files.entries {
			if a.starts[i] < 0 {
				continue
			}
			if p, err := placeAt(e.path, e.size, a.starts[i]); err == nil && !yield(p) { // layout made it before
				return
			}
		}
	}
}

// around looks at the zeros after each file, and at the tar's end.
func (a *archive) around(ctx context.Context) []error {
	var faults []error
	if a.size != a.end {
		faults = append(faults, fmt.Errorf("the tar has %d bytes, expected %d: it was cut off, or something was added", a.size, a.end))
	}
	zeros := make([]byte, tarEnd)
	for p := range a.places() {
		if same, err := sameBytes(a, p.body+p.size, zeros[:padding(p.size)]); err != nil || !same {
			faults = append(faults, errors.Join(fmt.Errorf("the zeros after %s are none", p.path), err))
		}
	}
	if same, err := sameBytes(a, a.end-tarEnd, zeros); a.size == a.end && (err != nil || !same) {
		faults = append(faults, errors.Join(errors.New("the zeros at the tar's end are none"), err))
	}
	header, err := tarHeader(ManifestName, a.manifest.size)
	if same, readErr := sameBytes(a, 0, header); err != nil || readErr != nil || !same {
		faults = append(faults, errors.Join(errors.New("the tar's first header was altered"), err, readErr))
	}
	return append(faults, a.checkSums(ctx)...)
}
