package plan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheels/download"
)

// Lister lists what a folder or an index has of a project.
type Lister interface {
	List(ctx context.Context, project string) (l index.Listing, found bool, err error)
}

// Source is a Lister with its name.
type Source struct {
	Lister
	Name   string // for messages
	Served bool   // others install from it, too: its wheels need not be built
}

// Folder is a folder of sdists and wheels, or an index in a folder.
type Folder struct {
	Faults []error // of sdists that cannot be read, and are left out

	index  *index.Folder            // nil: it has sdists alone
	sdists map[string][]index.Sdist // by project, as the files themselves say
}

// OpenFolder reads all sdists that are directly in a folder.
func OpenFolder(ctx context.Context, dir string, d *download.Downloader) (*Folder, error) {
	x, err := index.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{index: x, sdists: make(map[string][]index.Sdist)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !sdist.IsArchive(e.Name()) {
			continue
		}
		s, err := d.Sdist(ctx, index.Sdist{File: e.Name(), Path: filepath.Join(dir, e.Name())})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			f.Faults = append(f.Faults, fmt.Errorf("folder %s: %w", dir, err))
			continue
		}
		f.sdists[s.Project] = append(f.sdists[s.Project], s.Sdist)
	}
	return f, nil
}

// NewFolder is a folder of these sdists.
func NewFolder(sdists []index.Sdist) *Folder {
	f := &Folder{sdists: make(map[string][]index.Sdist)}
	for _, s := range sdists {
		f.sdists[s.Project] = append(f.sdists[s.Project], s)
	}
	return f
}

// IsIndex reports whether a folder has the pages of an index, so that others may install from it.
func IsIndex(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "simple"))
	return err == nil
}

// List lists what the folder has of a project.
func (f *Folder) List(ctx context.Context, project string) (l index.Listing, found bool, err error) {
	project = dependency.Normalize(project)
	if f.index != nil {
		if l, found, err = f.index.List(ctx, project); err != nil {
			return l, found, err
		}
	}
	if sdists := f.sdists[project]; len(sdists) > 0 {
		l.Sdists, found = append(l.Sdists[:len(l.Sdists):len(l.Sdists)], sdists...), true
	}
	return l, found, nil
}

// Projects are those of which the folder has sdists.
func (f *Folder) Projects() []string {
	out := make([]string, 0, len(f.sdists))
	for p := range f.sdists {
		out = append(out, p)
	}
	return out
}

// sources asks each source once for a project. The first one that has it is the only one that counts, so that a public index
// cannot add versions to a private project.
type sources struct {
	list []Source
	mu   sync.Mutex
	has  map[string]*answer
}

// answer is an offer that is asked for once.
type answer struct {
	once sync.Once
	offer
}

// offer is what the first source that has a project offers.
type offer struct {
	index.Listing
	source Source
	found  bool
	err    error
}

func (s *sources) of(ctx context.Context, project string) offer {
	s.mu.Lock()
	a := s.has[project]
	if a == nil {
		a = new(answer)
		s.has[project] = a
	}
	s.mu.Unlock()
	a.once.Do(func() { a.offer = s.ask(ctx, project) })
	return a.offer
}

func (s *sources) ask(ctx context.Context, project string) offer {
	for _, x := range s.list {
		l, found, err := x.List(ctx, project)
		if err != nil {
			return offer{err: fmt.Errorf("asking %s for %s: %w", x.Name, project, err)}
		}
		if found {
			return offer{Listing: l, source: x, found: true}
		}
	}
	return offer{}
}
