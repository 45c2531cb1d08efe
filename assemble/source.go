package assemble

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
)

// A place is where the bytes of a runtime lie.
type place struct {
	url    string // ready to be opened
	public string // as it may be written down
	digest string // "" where only reading it can tell
	pinned bool   // something vouches for the digest
}

// locate finds the tarball of a runtime, of which a lock may say already where it is and what it holds.
func (r Runtime) locate(ctx context.Context, spec Spec, p Platform, pin LockedRuntime, src Sources) (place, error) {
	if pin.Digest != "" {
		return r.locked(spec, p, pin)
	}
	source := r.at(p)
	if release, ok := strings.CutPrefix(source, fromStandalone); ok {
		return r.standalone(ctx, spec, release, p, src)
	}
	to := place{url: spec.Path(source), public: redact.URL(source), pinned: len(r.SHA256) > 0}
	var err error
	to.digest, err = r.digest(ctx, to.url, p, src)
	return to, noSource(err, p)
}

// locked is where a lock says that a runtime is. It must be below what the spec says.
func (r Runtime) locked(spec Spec, p Platform, pin LockedRuntime) (place, error) {
	source := r.at(p)
	to := place{url: spec.Path(source), public: redact.URL(source), digest: pin.Digest, pinned: true}
	switch {
	case strings.HasPrefix(source, fromImage):
		to.url, to.public = fromImage+spec.imagePath(source), source
	case strings.HasPrefix(source, fromStandalone):
		named := r.releases()
		file, ok := strings.CutPrefix(pin.URL, redact.URL(named)+"/")
		if !ok || strings.Contains(file, "..") {
			return to, &LockError{Err: fmt.Errorf("it takes %s from %s, which is not below the spec's mirror, %s", source, pin.URL, redact.URL(named))}
		}
		to.url, to.public = spec.Path(named)+"/"+file, pin.URL
	}
	return to, nil
}

// source is the tarball for the store.
func (l place) source(src Sources) layers.Source {
	return layers.Source{Name: redact.URL(l.url), Digest: l.digest, Tarball: true,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return src.open(ctx, l.url, baseName(l.url), -1) }}
}

// runtimeName is a source as the layer that comes of it is called.
func runtimeName(source string) string {
	ref, ok := strings.CutPrefix(source, fromImage)
	if dir, local := strings.CutPrefix(ref, ociLayout); ok && !local {
		return ref
	} else if ok {
		return path.Base(dir) // where it lies is the machine's affair
	}
	return path.Base(strings.ReplaceAll(baseName(source), "%2B", "+"))
}
