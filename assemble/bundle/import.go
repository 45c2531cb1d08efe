package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Imported says what an import did.
type Imported struct {
	ID      string `json:"id"` // of the bundle in the folder now
	Written int64  `json:"written"`
	Kept    int64  `json:"kept"` // bytes that were there already
}

// Import writes a bundle into a folder: a whole one in place of whatever bundle is there, a delta over its base, which then
// becomes the whole. Each file is held against its digest before it gets its place, and the manifest comes last: a run that
// was interrupted is run again. The error is a *BaseError where the folder does not hold the delta's base.
func (b *Bundle) Import(ctx context.Context, dir string) (Imported, error) {
	if _, err := b.target(dir); err != nil { // before anything is made there
		return Imported{}, err
	}
	whole, err := b.whole()
	if err == nil && b.Base != "" && whole.ID != b.Whole {
		err = &FaultError{Bundle: b.Path, Err: fmt.Errorf("with its base it makes the bundle %s, it says %s", whole.ID, b.Whole)}
	}
	if err != nil {
		return Imported{}, err
	}
	leave, err := enter(dir)
	if err != nil {
		return Imported{}, err
	}
	defer leave()
	old, err := b.target(dir) // now that no other run changes it
	if err != nil {
		return Imported{}, err
	}
	in := importing{from: b, dir: dir}
	if err := in.bring(ctx, old, whole); err != nil {
		return Imported{}, err
	}
	if err := in.settle(whole); err != nil {
		return Imported{}, err
	}
	return Imported{whole.ID, in.written.Load(), in.kept.Load()}, os.RemoveAll(below(dir, workDir))
}

// importing is one run of Import.
type importing struct {
	from          *Bundle
	dir           string
	written, kept atomic.Int64 // bytes

	mu   sync.Mutex
	late []string // paths of files in the work folder until all is there, see settle
}

// bring brings all files, those into the work folder that are to take the place of others: a bundle that is there stays
// whole as long as it can.
func (in *importing) bring(ctx context.Context, old, whole Manifest) error {
	err := note(in.dir, func(yield func(string) bool) {
		for _, m := range []Manifest{old, whole} {
			for f := range m.own() {
				if !yield(f.Path) {
					return
				}
			}
		}
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for f := range whole.Files.All() {
		g.Go(func() error { return in.file(ctx, f) })
	}
	return g.Wait()
}

// settle puts files in the place of others, and last the manifest. Then it removes what the bundle has no more.
func (in *importing) settle(whole Manifest) error {
	for _, path := range in.late {
		if err := os.Rename(partOf(below(in.dir, workDir), path), below(in.dir, path)); err != nil {
			return err
		}
	}
	if err := writeManifest(in.dir, whole); err != nil {
		return err
	}
	return sweep(in.dir, whole)
}

// target is the manifest of the bundle in a folder that may be imported into; a zero one where there is none.
func (b *Bundle) target(dir string) (Manifest, error) {
	there, err := openFolder(dir)
	var fault *FaultError
	switch {
	case err == nil:
		m := there.Manifest
		if err := errors.Join(there.Complete(), there.Close()); err != nil {
			return m, err
		}
		if b.Base != "" && m.ID != b.Base && m.ID != b.Whole {
			return m, &BaseError{b.Path, b.Base, m.ID}
		}
		return m, nil
	case errors.As(err, &fault) && exists(below(dir, ManifestName)):
		return Manifest{}, checkFolder(dir)
	case !errors.As(err, &fault) && !errors.Is(err, fs.ErrNotExist):
		return Manifest{}, err
	case b.Base != "" && b.base == nil:
		return Manifest{}, &BaseError{Bundle: b.Path, Base: b.Base}
	}
	return Manifest{}, checkFolder(dir)
}

// file brings one file, unless it is there with the right content; of a delta's base it has to be.
func (in *importing) file(ctx context.Context, f File) error {
	name := below(in.dir, f.Path)
	there, err := holds(ctx, name, f)
	if err != nil {
		return err
	}
	if there {
		in.kept.Add(f.Size)
		return nil
	}
	g, _ := in.from.File(f.Path)
	if g.InBase && in.from.base == nil {
		return &FaultError{in.dir, f.Path, errors.New("the base has it not, or it was damaged or altered; bring a whole bundle")}
	}
	r, err := in.from.Open(ctx, g)
	if err != nil {
		return err
	}
	defer r.Close()
	in.written.Add(f.Size)
	work := below(in.dir, workDir)
	if !exists(name) {
		return replace(work, name, r)
	}
	in.mu.Lock()
	in.late = append(in.late, f.Path)
	in.mu.Unlock()
	return replace(work, partOf(work, f.Path), r)
}

// holds tells whether a file is there with the content that the manifest says.
func holds(ctx context.Context, name string, want File) (bool, error) {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != want.Size {
		return false, nil //nolint:nilerr // then it is written, which says what is wrong
	}
	sum, err := sumOf(ctx, name)
	return sum == want.SHA256, err
}
