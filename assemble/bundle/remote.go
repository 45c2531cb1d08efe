package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/redact"
)

// OpenURL opens a bundle that "pyimg bundle serve" serves at a URL, through from. Its files are fetched as they are opened.
func OpenURL(ctx context.Context, url string, from input.Opener) (*Bundle, error) {
	url = strings.TrimRight(url, "/")
	name := redact.URL(url)
	r, err := from.Open(ctx, url+"/"+manifest.Name)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	defer r.Close()
	m, err := manifest.Read(r)
	if err != nil {
		return nil, manifestFault(name, err)
	}
	return &Bundle{Manifest: m, Path: name, src: &served{url, name, from}}, nil
}

// served is a bundle on a server.
type served struct {
	url  string
	name string // without credentials
	from input.Opener
}

func (s *served) open(ctx context.Context, f manifest.File) (io.ReadCloser, error) {
	r, err := s.from.Open(ctx, s.url+"/"+f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("its server has it not: %v", err) //nolint:errorlint // else it would pass for one that the bundle need not have
	}
	if err != nil {
		return nil, &ReadError{s.name, f.Path, err}
	}
	if sized, ok := r.(interface{ Size() int64 }); ok && sized.Size() >= 0 && sized.Size() != f.Size {
		return nil, errors.Join(fmt.Errorf("its server says %d bytes, the manifest %d", sized.Size(), f.Size), r.Close())
	}
	return r, nil
}

// around cannot know what else a server has, and need not.
func (s *served) around(context.Context) []error { return nil }

func (s *served) Close() error { return nil }

// manifestText opens the manifest of all that a complete bundle serves.
func (b *Bundle) manifestText() func() (io.ReadSeeker, error) {
	type sized struct {
		manifest.Manifest
		size int64
	}
	made := sync.OnceValues(func() (m sized, err error) {
		if m.Manifest, err = b.Joined(); err == nil {
			m.size, err = m.TextSize()
		}
		return m, err
	})
	return func() (io.ReadSeeker, error) {
		m, err := made()
		return m.Text(m.size), err
	}
}
