package create

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/scratch"
)

// A place is where a bundle's files come together.
type place struct {
	dir  string         // Options.Output, or next to a tar
	work string         // what is not in its place yet
	done func()         // removes work after a dry run
	into *folder.Work   // nil for a dry run
	old  *bundle.Bundle // the tar that is at Output already; nil where none is
	once sync.Once
}

func openPlace(o Options) (*place, error) {
	p := &place{dir: filepath.Clean(o.Output)}
	if o.Tar {
		p.dir += folder.WorkDir
	}
	if info, err := os.Stat(o.Output); o.Tar && err == nil && info.IsDir() {
		return nil, fmt.Errorf("%q is a folder, and a tar is to be there; name another file", o.Output)
	}
	var err error
	if o.DryRun {
		if _, err := folder.Check(p.dir); err != nil {
			return nil, err
		}
		p.work, p.done, err = scratch.Dir("dry-run", 0o700)
	} else {
		p.work = folder.Below(p.dir, folder.WorkDir)
		p.into, err = folder.Enter(p.dir)
	}
	if err != nil {
		return nil, err
	}
	if o.Tar {
		p.old, _ = bundle.Open(o.Output) // what is no bundle is replaced
	}
	return p, nil
}

func (p *place) close() {
	p.once.Do(func() {
		if p.old != nil {
			_ = p.old.Close() // it was read
		}
		if p.into == nil {
			p.done()
			return
		}
		p.into.Leave()
	})
}

// part is where a file is until it is whole and checked.
func (p *place) part(path string) string { return folder.PartPath(p.work, path) }

// finish removes the work folder of a bundle that is a folder, or makes the tar, in one piece or in parts, and removes the
// folder that its files came together in.
func (p *place) finish(ctx context.Context, m manifest.Manifest, o Options) error {
	if !o.Tar {
		return os.RemoveAll(p.work)
	}
	from, err := bundle.OpenFolder(p.dir, m)
	if err != nil {
		return err
	}
	defer from.Close()
	write := func(w io.Writer) error {
		return manifest.WriteTar(ctx, w, m, func(f manifest.File) (io.ReadCloser, error) { return from.Open(ctx, f) })
	}
	if o.Stream != nil {
		return o.Stream(write) // which knows where; the folder is the caller's
	}
	if err := writeParts(o, p.work, write); err != nil {
		return fmt.Errorf("writing %q: %w", o.Output, err)
	}
	// Out of the way at once: a run that waits for this one would take half of it for somebody's folder.
	away := filepath.Join(filepath.Dir(p.dir), atomicfile.Prefix+filepath.Base(p.dir))
	return errors.Join(os.RemoveAll(away), os.Rename(p.dir, away), os.RemoveAll(away))
}
