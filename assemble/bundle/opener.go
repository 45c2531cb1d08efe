package bundle

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
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
	return &Opener{b, newSources(b.Files, func(from string) string { return plain(spec.Path(from)) }), next}
}

// plain is one name for a URL or path, however it is written.
func plain(location string) string {
	if spec.IsURL(location) {
		return redact.URL(location)
	}
	return filepath.Clean(location)
}

// Open implements input.Opener.
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

// sources finds files by what they stand for. It holds hashes of the names, which are as many as the files or more.
type sources struct {
	files  manifest.List
	name   func(from string) string // as it is asked for
	seed   maphash.Seed
	hashes []hashed // sorted
}

// hashed is the hash of one name of a file.
type hashed struct {
	hash uint64
	file int32 // in the list
}

func newSources(files manifest.List, name func(from string) string) *sources {
	s := &sources{files: files, name: name, seed: maphash.MakeSeed(), hashes: make([]hashed, 0, files.Len())}
	for i := range files.Len() {
		for _, from := range files.At(i).From {
			s.hashes = append(s.hashes, hashed{maphash.String(s.seed, name(from)), int32(i)})
		}
	}
	slices.SortFunc(s.hashes, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.file, b.file)) })
	return s
}

// find finds the file that stands for what has that name.
func (s *sources) find(name string) (manifest.File, bool) {
	hash := maphash.String(s.seed, name)
	i, _ := slices.BinarySearchFunc(s.hashes, hash, func(h hashed, hash uint64) int { return cmp.Compare(h.hash, hash) })
	for ; i < len(s.hashes) && s.hashes[i].hash == hash; i++ {
		f := s.files.At(int(s.hashes[i].file))
		if slices.ContainsFunc(f.From, func(from string) bool { return s.name(from) == name }) {
			return f, true
		}
	}
	return manifest.File{}, false
}
