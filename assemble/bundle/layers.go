package bundle

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
)

// Layers are those of a complete bundle.
func (b *Bundle) Layers() input.Layers { return bundledLayers{b} }

// bundledLayers implements input.Layers.
type bundledLayers struct{ bundle *Bundle }

func (l bundledLayers) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	f, ok := l.bundle.File(manifest.LayerPath(strings.TrimPrefix(digest, "sha256:")))
	if !ok || f.Kind != manifest.Layer {
		return nil, fmt.Errorf("bundle %q has no layer %s: %w", l.bundle.Path, digest, fs.ErrNotExist)
	}
	return l.bundle.Open(ctx, f)
}
