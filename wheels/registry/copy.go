package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheels/repository"
)

// A Copy is a folder in which builds work on an index of a registry. It has the records of all wheels, and the files of those that
// were built here. What was built and is not in the registry yet stays in it, also when a run is killed; the next run adds it.
// Several processes may work in one folder at once.
type Copy struct {
	Index  *Index
	Folder *repository.Repository
	State  State // of the registry when it was last read

	dir string
}

// Files of the folder in addition to those of an index.
const (
	baseName = "registry.json" // what the registry had when the folder was last brought up to date
)

// A base is what the registry had.
type base struct {
	Index    string // its reference
	Contents Contents
}

// Checkout brings a folder up to date with the index: it then has what the registry has, and what was built in it since.
func (x *Index) Checkout(ctx context.Context, dir string) (*Copy, error) {
	state, err := x.Read(ctx)
	if err != nil {
		return nil, err
	}
	c := &Copy{Index: x, Folder: repository.OpenCopy(dir, origin{x}), State: state, dir: dir}
	if err := c.update(state); err != nil {
		return nil, fmt.Errorf("copying the index of wheels %s to %s: %w", x.ref, dir, err)
	}
	return c, nil
}

// update makes the folder what a state of the registry and what was built here come to. A process that is killed before it notes the
// base leaves an older one: what the next one then takes for built is in the registry, and adding it again changes nothing.
func (c *Copy) update(state State) error {
	now := Contents{state.Manifest.Wheels, state.Failures}
	return c.Folder.Restore(func(records []repository.Record, failures []repository.Failure) ([]repository.Record, []repository.Failure, error) {
		part, err := c.partOf(Contents{records, failures})
		if err != nil {
			return nil, nil, err
		}
		all := Merge(now, part)
		return all.Wheels, all.Failures, nil
	}, func() error { return c.setBase(now) })
}

func (c *Copy) setBase(now Contents) error {
	text, err := json.Marshal(base{c.Index.ref.String(), now})
	if err != nil {
		return err
	}
	return atomicfile.Write(c.dir, filepath.Join(c.dir, baseName), func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// Part is what the folder has and the registry had not when the folder was last brought up to date.
func (c *Copy) Part() (Part, error) {
	var now Contents
	var err error
	if now.Wheels, err = c.Folder.Records(); err == nil {
		now.Failures, err = c.Folder.Failures()
	}
	var p Part
	if err == nil {
		p, err = c.partOf(now)
	}
	if err != nil {
		return p, fmt.Errorf("finding out what was built for %s: %w", c.Index.ref, err)
	}
	return p, nil
}

// partOf is what the folder, which has now, has in addition to what the registry had.
func (c *Copy) partOf(now Contents) (Part, error) {
	var old base
	text, err := regular.Read(filepath.Join(c.dir, baseName), artifact.MaxContents)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Part{}, err
	default:
		if err := json.Unmarshal(text, &old); err != nil {
			return Part{}, fmt.Errorf("reading %s: %w; remove the folder, and what was built is built again", filepath.Join(c.dir, baseName), err)
		}
	}
	return c.whole(Diff(old.Contents, now)), nil
}

// whole leaves out wheels whose files are gone, such as by cleaning the cache: they are built again.
func (c *Copy) whole(p Part) Part {
	kept := p.Wheels[:0]
	for _, w := range p.Wheels {
		if w.Replaces == w.SHA256 || c.Folder.Has(w.Record) {
			kept = append(kept, w)
		}
	}
	p.Wheels = kept
	return p
}

// Publish puts what was built into the index, and what else is to be added.
func (c *Copy) Publish(ctx context.Context, more Added, sign Signer) error {
	part, err := c.Part()
	if err != nil {
		return err
	}
	more.Folders = append([]*repository.Repository{c.Folder}, more.Folders...)
	if !part.Empty() {
		more.Parts = append([]Part{part}, more.Parts...)
	}
	state, err := c.Index.Publish(ctx, more, sign)
	if err != nil {
		return err
	}
	c.State = state
	return c.update(state)
}

// PushPart stores what was built by digest alone, and returns the digest. The folder keeps it until the index has it.
func (c *Copy) PushPart(ctx context.Context) (string, error) {
	part, err := c.Part()
	if err != nil {
		return "", err
	}
	return c.Index.PushPart(ctx, part, c.Folder)
}

// FolderPart is all that a folder has.
func FolderPart(folder *repository.Repository) (Part, error) {
	var all Contents
	var err error
	if all.Wheels, err = folder.Records(); err != nil {
		return Part{}, err
	}
	all.Failures, err = folder.Failures()
	return Diff(Contents{}, all), err
}

// newFiles are the files that the wheels of parts need, where one of the folders has them.
func newFiles(parts []Part, folders ...*repository.Repository) files {
	out := files{folders, make(map[string]string)}
	for _, p := range parts {
		for _, w := range p.Wheels {
			for _, f := range folders {
				if f.Has(w.Record) {
					at := f.Path(w.Record)
					out.paths[w.SHA256], out.paths[w.Metadata] = at, at+".metadata"
				}
			}
		}
	}
	return out
}

// files are the files of wheels, by their SHA-256.
type files struct {
	folders []*repository.Repository
	paths   map[string]string
}

// open opens a file. The error is fs.ErrNotExist where there is none: then the registry has it.
func (f files) open(sha256 string) (io.ReadCloser, int64, error) {
	at, ok := f.paths[sha256]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	file, err := regular.Open(at)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// log opens the log of a failure. The error is fs.ErrNotExist where there is none.
func (f files) log(failure repository.Failure) (io.ReadCloser, error) {
	for _, folder := range f.folders {
		if at := folder.Log(failure); at != "" {
			return regular.Open(filepath.Join(folder.Dir(), filepath.FromSlash(at)))
		}
	}
	return nil, fs.ErrNotExist
}

// origin is an index as the origin of a copy.
type origin struct{ *Index }

// Open implements repository.Origin.
func (o origin) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	return o.open(ctx, "sha256:"+sha256)
}

// Log implements repository.Origin.
func (o origin) Log(ctx context.Context, name string) (io.ReadCloser, error) {
	_, logs, err := o.readStatus(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		if logName(l) == name {
			return o.open(ctx, l.Digest)
		}
	}
	return nil, fs.ErrNotExist
}

// URL implements repository.Origin.
func (o origin) URL(r repository.Record) string {
	return artifact.BlobURL(o.ref.Repository, r.SHA256, r.File)
}
