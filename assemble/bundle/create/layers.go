package create

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// addLayers adds the locks' layers of bytecode.
func addLayers(p *plan, images []LockedImage) error {
	for _, i := range images {
		for _, l := range i.Bytecode {
			sum := strings.TrimPrefix(l.Digest, "sha256:")
			read := func(ctx context.Context) (io.ReadCloser, error) { return i.Layers.Open(ctx, l.Digest) }
			f := manifest.File{Path: manifest.LayerPath(sum), Kind: manifest.Layer, Size: l.Size, SHA256: sum}
			if err := p.add(f, job{special: &special{read: read}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// unmade says why layers could not be made on this machine.
type unmade struct {
	mu  sync.Mutex
	err error
}

// forgive reports whether an error of making a file says that no Python can be run here: the bundle then lacks the layer, which is of
// use without it.
func (u *unmade) forgive(it *item, err error) bool {
	var why *assemble.NoRunnerError
	if it.Kind != manifest.Layer || !errors.As(err, &why) {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = why.Err
	return true
}

// text is "" where all were made.
func (u *unmade) text() string {
	if u.err == nil {
		return ""
	}
	return u.err.Error()
}

// leaveOut takes the layers out of the plan that could not be made.
func (d *Draft) leaveOut(lacking *unmade) (err error) {
	if lacking.err == nil {
		return nil
	}
	if err := d.plan.leaveOut(); err != nil {
		return err
	}
	indexes := d.Indexes
	d.Sizes, err = measure(d.plan, d.o, d.at)
	d.Indexes = indexes
	return err
}

// leaveOut takes the files out that are absent.
func (p *plan) leaveOut() error {
	var files manifest.Builder
	var jobs []job
	for i, j := range p.jobs {
		if j.at == absent {
			continue
		}
		if err := files.Add(p.files.At(i)); err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	p.files, p.jobs = files, jobs
	return nil
}
