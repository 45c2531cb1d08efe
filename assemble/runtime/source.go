package runtime

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
)

// A Location says where the bytes of a runtime are.
type Location struct {
	URL    string // ready to be opened
	Public string // URL for locks and messages, without credentials
	Digest string // "" if only reading the runtime can give it
	pinned bool   // the spec, a lock or a release's SHA256SUMS has the digest
}

// locate finds the tarball of a runtime. A lock may have its place and digest already.
func locate(ctx context.Context, r spec.Runtime, s spec.Spec, p spec.Platform, pin lock.Runtime, src input.Access, known *Releases) (Location, error) {
	if pin.Digest != "" {
		return Locked(r, s, p, pin)
	}
	source := r.At(p)
	if release, ok := strings.CutPrefix(source, spec.FromStandalone); ok {
		return findStandalone(ctx, r, s, release, p, src, known)
	}
	to := Location{URL: s.Path(source), Public: redact.URL(source), pinned: len(r.SHA256) > 0}
	var err error
	to.Digest, err = digest(ctx, r, to.URL, p, src)
	return to, noSource(err, p)
}

// Locked returns the place of a runtime that a lock names. It must be below the source in the spec.
func Locked(r spec.Runtime, s spec.Spec, p spec.Platform, pin lock.Runtime) (Location, error) {
	source := r.At(p)
	to := Location{URL: s.Path(source), Public: redact.URL(source), Digest: pin.Digest, pinned: true}
	switch {
	case strings.HasPrefix(source, spec.FromImage):
		to.URL, to.Public = spec.FromImage+s.ImagePath(source), source
	case strings.HasPrefix(source, spec.FromStandalone):
		named := releasesAt(r)
		file, ok := strings.CutPrefix(pin.URL, redact.URL(named)+"/")
		if !ok || strings.Contains(file, "..") {
			return to, &lock.Error{Err: fmt.Errorf("it takes %s from %s, which is not below the spec's mirror, %s", source, pin.URL, redact.URL(named))}
		}
		to.URL, to.Public = s.Path(named)+"/"+file, pin.URL
	}
	return to, nil
}

// Source returns the tarball as a source for the store.
func (l Location) Source(src input.Access) layers.Source {
	return layers.Source{Name: redact.URL(l.URL), Digest: l.Digest, Tarball: true,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return src.Open(ctx, l.URL, baseName(l.URL), -1) }}
}

// runtimeName returns the name of a source in the name of its layer.
func runtimeName(source string) string {
	ref, ok := strings.CutPrefix(source, spec.FromImage)
	if dir, local := strings.CutPrefix(ref, spec.OciLayout); ok && !local {
		return ref
	} else if ok {
		return path.Base(dir) // the folder's path depends on the machine
	}
	return path.Base(strings.ReplaceAll(baseName(source), "%2B", "+"))
}
