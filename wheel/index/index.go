package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

// maxFiles bounds the files of one project. The most that a project has on a
// public index is some ten thousands.
const maxFiles = 100_000

// File is a wheel that an index has.
type File struct {
	source.File
	RequiresPython version.Specifiers
	Yanked         bool
	Metadata       bool          // the index has METADATA next to the wheel; see Remote.Metadata
	MetadataHashes source.Hashes // of it; empty where they are not known
}

// Index lists the wheels of a project by its normalised name. found is false where
// the index does not have the project.
type Index interface {
	Project(ctx context.Context, name string) (files []File, found bool, err error)
}

// Chain asks indexes in turn, and each index once for a project.
type Chain struct {
	indexes []Index
	mu      sync.Mutex
	known   map[string]*answer
}

// answer is what the indexes say of a project, once.
type answer struct {
	once  sync.Once
	files []File
	err   error
}

// NewChain joins indexes; the first that has a project is the one that counts.
func NewChain(indexes ...Index) *Chain {
	return &Chain{indexes: indexes, known: make(map[string]*answer)}
}

// Project lists the wheels of the first index that has the project.
func (c *Chain) Project(ctx context.Context, name string) (files []File, found bool, err error) {
	name = dependency.Normalize(name)
	c.mu.Lock()
	a, ok := c.known[name]
	if !ok {
		a = new(answer)
		c.known[name] = a
	}
	c.mu.Unlock()
	a.once.Do(func() { a.files, a.err = c.ask(ctx, name) })
	return a.files, a.files != nil, a.err
}

func (c *Chain) ask(ctx context.Context, name string) ([]File, error) {
	for _, x := range c.indexes {
		files, found, err := x.Project(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("listing the wheels of %s: %w", name, err)
		}
		if found {
			return append([]File{}, files...), nil
		}
	}
	return nil, nil
}

// Files are the wheels of a project. It makes a Chain a requirements.Finder.
func (c *Chain) Files(ctx context.Context, project string) ([]source.File, error) {
	files, _, err := c.Project(ctx, project)
	sources := make([]source.File, len(files))
	for i, f := range files {
		sources[i] = f.File
	}
	return sources, err
}

// Complete is the best wheel of one version for a target; it makes a Chain a
// pylock.Completer. Yanked wheels are taken only where all are. The error is
// source.ErrNoFit where there is none.
func (c *Chain) Complete(ctx context.Context, project string, v version.Version, t target.Target) (source.File, error) {
	files, _, err := c.Project(ctx, project)
	if err != nil {
		return source.File{}, err
	}
	files = slices.DeleteFunc(slices.Clone(files), func(f File) bool {
		return f.Filename.Version.Compare(v) != 0 || !f.RequiresPython.Contains(t.Python) || !t.Tags.Fits(f.Filename)
	})
	if slices.ContainsFunc(files, func(f File) bool { return !f.Yanked }) {
		files = slices.DeleteFunc(files, func(f File) bool { return f.Yanked })
	}
	names := make([]tag.Filename, len(files))
	for i, f := range files {
		names[i] = f.Filename
	}
	best := t.Tags.Best(names)
	if best < 0 {
		return source.File{}, fmt.Errorf("looking for %s %s for %s: %w", project, v, t.Platform, source.ErrNoFit)
	}
	return files[best].File, nil
}

// errTooLarge is the error for a page of more bytes than it may have.
var errTooLarge = errors.New("it is too large")
