package bundle

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/redact"
)

// Opener opens what a spec names out of a bundle.
type Opener struct {
	bundle *Bundle
	files  *sources // by URL without credentials, or by path as it is opened
	next   input.Opener
}

// Opener is that of a complete bundle for a spec. What the bundle does not stand for, next opens, so with a next that
// asks no host none is asked. The spec's URLs stay what they are, and so does what is made of them.
func (b *Bundle) Opener(spec spec.Spec, next input.Opener) *Opener {
	return &Opener{b, b.sources(func(from string) string { return plain(spec.Path(from)) }), next}
}

// plain is one name for a URL or path, however it is written.
func plain(location string) string {
	if spec.IsURL(location) {
		return redact.URL(location)
	}
	return filepath.Clean(location)
}

// Open implements assemble.Opener.
func (o *Opener) Open(ctx context.Context, url string) (io.ReadCloser, error) {
	if f, ok := o.files.find(plain(url)); ok {
		return o.bundle.Open(ctx, f)
	}
	r, err := o.next.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("bundle %q has nothing for %q: %w", o.bundle.Path, plain(url), err)
	}
	return r, nil
}
