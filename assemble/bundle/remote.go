package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble"
)

// OpenURL opens a bundle that "pyimg mirror serve" serves at a URL, through from. Its files are fetched as they are opened.
func OpenURL(ctx context.Context, url string, from assemble.Opener) (*Bundle, error) {
	url = strings.TrimRight(url, "/")
	name := assemble.PublicURLs([]string{url})[0]
	r, err := from.Open(ctx, url+"/"+ManifestName)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	m, err := ParseManifest(data)
	if err != nil {
		return nil, &FaultError{Bundle: name, Err: err}
	}
	return &Bundle{Manifest: m, Path: name, src: &served{url, from}}, nil
}

// served is a bundle on a server.
type served struct {
	url  string
	from assemble.Opener
}

func (s *served) open(ctx context.Context, f File) (io.ReadCloser, error) {
	return s.from.Open(ctx, s.url+"/"+f.Path)
}

// around cannot know what else a server has, and need not.
func (s *served) around(context.Context) []error { return nil }

func (s *served) Close() error { return nil }

// manifestText is the manifest of all that a complete bundle serves.
func (b *Bundle) manifestText() func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		m, err := b.whole()
		if err != nil {
			return nil, err
		}
		return m.Encode()
	})
}
