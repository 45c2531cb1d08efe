// Package folder puts files into a bundle's folder, one run of pyimg at a time. A bundle that is there stays whole as long
// as it can, what an interrupted run has fetched is found by the next one, and nothing is removed that pyimg did not put
// there.
package folder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// Work is one run's work in a folder of a bundle, or of one in the making: files go from its work folder to their places.
type Work struct {
	dir    string
	there  manifest.Manifest // of the bundle that was there; a zero one where none was
	unlock func()

	mu   sync.Mutex
	late []string // paths of files that stay in the work folder until Settle
}

// Enter locks a folder for this run, and makes it where there is none.
func Enter(dir string) (*Work, error) {
	if _, err := Check(dir); err != nil { // before anything is written there
		return nil, err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("writing to the folder %q: %w", dir, err)
	}
	p := &Work{dir: dir, unlock: unlock}
	if p.there, err = Check(dir); err != nil { // while it waited, another may have filled it
		p.Leave()
		return nil, err
	}
	return p, nil
}

// Leave frees the folder for other runs. Of a run that put nothing there, nothing stays.
func (p *Work) Leave() {
	defer p.unlock()
	work := Below(p.dir, WorkDir)
	if names, err := namesIn(work); err == nil && len(names) == 1 && names[0] == lockName {
		_ = os.Remove(filepath.Join(work, lockName))
		_ = os.Remove(work)
		_ = os.Remove(p.dir)
	}
}

// Part is where a file is until it is whole and checked.
func (p *Work) Part(path string) string { return PartPath(Below(p.dir, WorkDir), path) }

// Note notes the files that are in the folder and those that will be. The manifest of a large bundle is not held longer.
func (p *Work) Note(planned iter.Seq[string]) error {
	defer func() { p.there = manifest.Manifest{} }()
	if err := checkFolders(p.dir, planned); err != nil {
		return err
	}
	return note(p.dir, func(yield func(string) bool) {
		for f := range p.there.Own() {
			if !yield(f.Path) {
				return
			}
		}
		planned(yield)
	})
}

// Place puts a file that is whole in its place where that is free; else Settle does, so that a bundle that is there stays
// whole as long as it can.
func (p *Work) Place(path string) error {
	if !Exists(Below(p.dir, path)) {
		return p.move(path)
	}
	p.PlaceLast(path)
	return nil
}

// PlaceLast leaves it to Settle to put a file in its place.
func (p *Work) PlaceLast(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = append(p.late, path)
}

func (p *Work) move(path string) error {
	if err := makeFolder(p.dir, path); err != nil {
		return err
	}
	return errors.Join(os.Rename(p.Part(path), Below(p.dir, path)), RemoveIfThere(p.Part(path)+NoteSuffix))
}

// Settle puts files in the place of others, and last the manifest. Then it removes what the bundle has no more.
func (p *Work) Settle(ctx context.Context, m manifest.Manifest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, path := range p.late {
		if err := p.move(path); err != nil {
			return err
		}
	}
	if err := writeManifest(p.dir, m); err != nil {
		return err
	}
	return sweep(p.dir, m)
}
