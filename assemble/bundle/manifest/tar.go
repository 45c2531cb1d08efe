package manifest

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
// blocks of zeros that end it. So the position of each byte follows from the manifest, and no byte can change unnoticed.

const (
	tarBlock = 512

	// TarEnd is how many zeros end the tar.
	TarEnd = 2 * tarBlock
)

// tarHeader is the header of a file of the tar.
func tarHeader(path string, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)})
	return b.Bytes(), err
}

// padding is how many zeros follow a file of this size.
func padding(size int64) int64 { return (tarBlock - size%tarBlock) % tarBlock }

// A Place is where one file is in the tar.
type Place struct {
	Path  string
	Size  int64
	Start int64 // of its header
	Body  int64
}

// Padding is how many zeros follow the file.
func (p Place) Padding() int64 { return padding(p.Size) }

// Header is what the tar has before the file.
func (p Place) Header() ([]byte, error) { return tarHeader(p.Path, p.Size) }

func (p Place) end() int64 { return p.Body + p.Size + p.Padding() }

// placeAt is the place of a file that begins at start.
func placeAt(path string, size, start int64) (Place, error) {
	header, err := tarHeader(path, size)
	if err != nil {
		return Place{}, fmt.Errorf("%s: %w", path, err)
	}
	return Place{path, size, start, start + int64(len(header))}, nil
}

// A Layout says where a bundle's files are in its tar.
type Layout struct {
	Manifest Place
	Size     int64 // of the tar

	files  List
	starts []int64 // by file; -1 for one of the base
}

// Layout is that of the bundle's tar.
func (m Manifest) Layout() (Layout, error) {
	text, err := m.TextSize()
	if err != nil {
		return Layout{}, err
	}
	l := Layout{files: m.Files, starts: make([]int64, m.Files.Len())}
	if l.Manifest, err = placeAt(Name, text, 0); err != nil {
		return l, err
	}
	at := l.Manifest.end()
	for i, e := range m.Files.entries.all() {
		l.starts[i] = -1
		if e.marks&isInBase != 0 {
			continue
		}
		p, err := placeAt(e.path, e.size, at)
		if err != nil {
			return l, err
		}
		l.starts[i], at = at, p.end()
	}
	l.Size = at + TarEnd
	return l, nil
}

// Find is the place of a file that the tar has.
func (l Layout) Find(path string) (Place, bool) {
	i, ok := l.files.Find(path)
	if !ok || l.starts[i] < 0 {
		return Place{}, false
	}
	p, err := placeAt(path, l.files.entries.at(i).size, l.starts[i])
	return p, err == nil
}

// Places yields the places of the files, that of the manifest first.
func (l Layout) Places() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		if !yield(l.Manifest) {
			return
		}
		for i, e := range l.files.entries.all() {
			if l.starts[i] < 0 {
				continue
			}
			if p, err := placeAt(e.path, e.size, l.starts[i]); err == nil && !yield(p) { // Layout made it before
				return
			}
		}
	}
}

// WriteTar writes the bundle's tar, whose files open opens.
func WriteTar(ctx context.Context, w io.Writer, m Manifest, open func(File) (io.ReadCloser, error)) error {
	size, err := m.TextSize()
	if err != nil {
		return err
	}
	if err := writeMember(w, File{Path: Name, Size: size}, m.Text(size)); err != nil {
		return err
	}
	for f := range m.Own() {
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
	_, err = w.Write(make([]byte, TarEnd))
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
