package bundle

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// placing is one run's work in a folder of a bundle, or of one in the making: files go from its work folder to their places.
type placing struct {
	dir   string
	there Manifest // of the bundle that was there; a zero one where none was
	leave func()   // frees the folder; of a run that put nothing there, nothing stays

	mu   sync.Mutex
	late []string // paths of files in the work folder until all is there, see settle
}

// enter locks a folder for this run, and makes it where there is none.
func enter(dir string) (*placing, error) {
	if _, err := checkFolder(dir); err != nil { // before anything is written there
		return nil, err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("writing to the folder %q: %w", dir, err)
	}
	p := &placing{dir: dir, leave: func() {
		defer unlock()
		work := below(dir, workDir)
		if names, err := namesIn(work); err == nil && len(names) == 1 && names[0] == lockName {
			_ = os.Remove(filepath.Join(work, lockName))
			_ = os.Remove(work)
			_ = os.Remove(dir)
		}
	}}
	if p.there, err = checkFolder(dir); err != nil { // while it waited, another may have filled it
		p.leave()
		return nil, err
	}
	return p, nil
}

// part is where a file lies until it is whole and checked.
func (p *placing) part(path string) string { return partOf(below(p.dir, workDir), path) }

// note notes the files that are in the folder and those that will be. The manifest of a large bundle is not held longer.
func (p *placing) note(planned iter.Seq[string]) error {
	defer func() { p.there = Manifest{} }()
	if err := checkFolders(p.dir, planned); err != nil {
		return err
	}
	return note(p.dir, func(yield func(string) bool) {
		for f := range p.there.own() {
			if !yield(f.Path) {
				return
			}
		}
		planned(yield)
	})
}

// place puts a file that is whole in its place where that is free; else settle does, so that a bundle that is there stays
// whole as long as it can.
func (p *placing) place(path string) error {
	if !exists(below(p.dir, path)) {
		return p.move(path)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = append(p.late, path)
	return nil
}

func (p *placing) move(path string) error {
	if err := makeFolder(p.dir, path); err != nil {
		return err
	}
	return errors.Join(os.Rename(p.part(path), below(p.dir, path)), removeIfThere(p.part(path)+metaSuffix))
}

// settle puts files in the place of others, and last the manifest. Then it removes what the bundle has no more.
func (p *placing) settle(ctx context.Context, m Manifest) error {
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
