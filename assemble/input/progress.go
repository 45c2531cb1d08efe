package input

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// Progress is told of what is fetched. Calls may overlap.
type Progress interface {
	// Start begins a transfer of size bytes; a negative size is not known.
	Start(kind, name string, size int64) interface {
		Add(bytes int64)
		Done(err error)
	}
}

// TransferName is what a person calls a transfer of what each architecture has its own of: its name and the platform.
func TransferName(name, alpineArch string) string {
	if p, err := spec.ParsePlatform(alpineArch); err == nil {
		return name + " " + p.String()
	}
	return name
}

// Mirror is the index that several servers have and that a spec names where; nil for none.
func (s Access) Mirror(where string) *mirror.Index {
	for _, m := range s.Mirrors {
		if m.Has(where) {
			return m
		}
	}
	return nil
}

// mirrorOf is the index that several servers have and that has the file at a URL; nil for none. If several may have it, such as two
// in one repository of a registry, it is the one that lists the file.
func (s Access) mirrorOf(ctx context.Context, url string) (*mirror.Index, error) {
	var all []*mirror.Index
	for _, m := range s.Mirrors {
		if m.Has(url) {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	if len(all) == 1 {
		return all[0], nil
	}
	var errs []error
	for _, m := range all {
		listed, err := m.Lists(ctx, url)
		if listed {
			return m, nil
		}
		errs = append(errs, err)
	}
	return all[0], errors.Join(errs...)
}

// OtherURLs are where the other servers of an index have the file at a URL, as far as that is known.
func (s Access) OtherURLs(ctx context.Context, url string) []string {
	m, err := s.mirrorOf(ctx, url)
	if m == nil || err != nil { // opening the file reports it
		return nil
	}
	return m.Others(ctx, url)
}

// Open opens a URL or path, and reports what is read of it until it is closed. name is what a person calls it; size is
// negative where only the source can tell.
func (s Access) Open(ctx context.Context, url, name string, size int64) (io.ReadCloser, error) {
	f, err := s.open(ctx, url)
	if err != nil || s.Progress == nil { // whose size nobody asks for
		return f, err
	}
	if sized, ok := f.(interface{ Size() int64 }); ok && size < 0 {
		size = sized.Size()
	}
	return s.Reported(f, name, size), nil
}

// open opens a file of an index that several servers have from the first that has it.
func (s Access) open(ctx context.Context, url string) (io.ReadCloser, error) {
	m, err := s.mirrorOf(ctx, url)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return s.Fetch.Open(ctx, url)
	}
	return m.Open(ctx, url, s.Fetch.Open)
}

// Refuse marks the mirror that Open took a URL from as wrong. It reports whether opening it again asks another one.
func (s Access) Refuse(url string, err error) bool {
	return slices.ContainsFunc(s.Mirrors, func(m *mirror.Index) bool { return m.Refuse(url, err) }) // the others did not open it
}

// A Body is what is read of a URL. It notes why reading it failed: an error of what it is written to is no mirror's.
type Body struct {
	io.Reader
	Err error
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.Err = err
	}
	return n, err
}

// Reported reports what is read of a body.
func (s Access) Reported(f io.ReadCloser, name string, size int64) io.ReadCloser {
	if s.Progress == nil {
		return f
	}
	return &reported{ReadCloser: f, task: s.Progress.Start("fetch", name, size)}
}

// reported is a body whose reading is reported.
type reported struct {
	io.ReadCloser
	task interface {
		Add(bytes int64)
		Done(err error)
	}
	err error // what ended the reading before its end
}

func (r *reported) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.task.Add(int64(n))
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (r *reported) Close() error {
	err := r.ReadCloser.Close()
	r.task.Done(r.err)
	return err
}
