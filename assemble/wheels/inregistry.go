package wheels

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// registryIndex is an index in a registry. The builds of a run share it, so that it is read once.
type registryIndex struct {
	*artifact.Index
	where string // as the spec has it
	store *layers.Store

	once sync.Once
	lost []string // wheels that the index had when it was last read here, and has no more
}

// registryKey is the question for an index in a registry.
type registryKey struct{ where, digest string }

func openRegistry(ctx context.Context, where string, src input.Access, pins []lock.WheelIndex) (*registryIndex, error) {
	ref, err := registryurl.ParseReference(where)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(pins, func(p lock.WheelIndex) bool { return p.Index == where })
	if at >= 0 {
		ref = ref.Pinned(pins[at].Digest)
	}
	return memo.Once(ctx, src.Memo, registryKey{where, ref.Digest}, func(context.Context) (*registryIndex, error) {
		return &registryIndex{Index: artifact.NewIndex(ref, src.Fetch), where: where, store: src.Store}, nil
	})
}

// Project implements index.Index.
func (r *registryIndex) Project(ctx context.Context, name string) ([]index.File, bool, error) {
	files, found, err := r.Index.Project(ctx, name)
	if err == nil && r.store != nil && r.Reference().Digest == "" {
		r.once.Do(r.compare)
	}
	return files, found, err
}

// compare finds what the index has lost since it was last read here. Nothing is ever taken out of an index: one that lacks wheels is
// an older one, which somebody may have put back.
func (r *registryIndex) compare() {
	key := "wheels of the index " + r.where
	now := r.Names()
	if text, err := r.store.Record(key); err == nil {
		for name := range strings.SplitSeq(string(text), "\n") {
			if _, there := slices.BinarySearch(now, name); !there && name != "" {
				r.lost = append(r.lost, name)
			}
		}
	}
	if len(r.lost) == 0 {
		_ = r.store.SetRecord(key, []byte(strings.Join(now, "\n"))) // else the next run compares with an older one
	}
}

// Pins are the indexes in registries that were asked for something, as they were then, sorted.
func (x *Indexes) Pins() []lock.WheelIndex {
	var out []lock.WheelIndex
	for _, r := range x.registries {
		if digest := r.Digest(); digest != "" {
			out = append(out, lock.WheelIndex{Index: r.where, Digest: digest})
		}
	}
	slices.SortFunc(out, func(a, b lock.WheelIndex) int { return cmp.Compare(a.Index, b.Index) })
	return slices.Compact(out)
}

// Warnings are what a person should know of the indexes that were asked.
func (x *Indexes) Warnings() []string {
	var out []string
	for _, r := range x.registries {
		if len(r.lost) > 0 {
			out = append(out, fmt.Sprintf("the index of wheels %s lacks %s that it had when it was last read here, such as %s: it is an older one, or another one under its name",
				r.where, termtext.Count(len(r.lost), "wheel"), r.lost[0]))
		}
	}
	return out
}

// MirrorOf is an index in a registry as one of several servers that have it; see package mirror.
func MirrorOf(where string, from input.Opener) (mirror.Server, error) {
	ref, err := registryurl.ParseReference(where)
	if err != nil {
		return mirror.Server{}, err
	}
	return mirror.InRegistry(registryMirror{where, ref, from}), nil
}

// registryMirror implements mirror.Registry.
type registryMirror struct {
	where string // as the spec has it
	ref   registryurl.Reference
	from  input.Opener
}

func (r registryMirror) String() string { return r.ref.String() }

// Read implements mirror.Registry.
func (r registryMirror) Read(ctx context.Context) (manifest, signature []byte, err error) {
	c, err := artifact.Read(ctx, r.ref, r.from)
	return c.Manifest, c.Signature, err
}

// URL implements mirror.Registry.
func (r registryMirror) URL(sha256, file string) string {
	return artifact.BlobURL(r.ref.Repository, sha256, file)
}

// Has implements mirror.Registry.
func (r registryMirror) Has(address string) bool {
	at, err := registryurl.ParseLocation(address)
	return address == r.where || err == nil && at.Blob != "" && at.Repository == r.ref.Repository
}
