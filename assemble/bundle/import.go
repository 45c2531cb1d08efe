package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
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
	old, err := b.target(dir)
	if err != nil {
		return Imported{}, err
	}
	whole, err := b.whole()
	if err == nil && b.Base != "" && whole.ID != b.Whole {
		err = &FaultError{Bundle: b.Path, Err: fmt.Errorf("with its base it makes the bundle %s, it says %s", whole.ID, b.Whole)}
	}
	if err != nil {
		return Imported{}, err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return Imported{}, err
	}
	defer unlock()
	out := Imported{ID: whole.ID}
	var written, kept atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for f := range whole.Files.All() {
		g.Go(func() error {
			there, err := b.importFile(gctx, dir, f)
			if there {
				kept.Add(f.Size)
			} else {
				written.Add(f.Size)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	out.Written, out.Kept = written.Load(), kept.Load()
	if err := writeManifest(dir, whole); err != nil {
		return out, err
	}
	if err := prune(dir, old, whole); err != nil {
		return out, err
	}
	return out, os.RemoveAll(below(dir, workDir))
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
		return Manifest{}, err
	case !errors.As(err, &fault) && !errors.Is(err, fs.ErrNotExist):
		return Manifest{}, err
	case b.Base != "" && b.base == nil:
		return Manifest{}, &BaseError{Bundle: b.Path, Base: b.Base}
	}
	return Manifest{}, checkEmpty(dir)
}

// importFile puts one file in its place, unless it is there with the right content; of a delta's base it has to be.
func (b *Bundle) importFile(ctx context.Context, dir string, f File) (there bool, err error) {
	name := below(dir, f.Path)
	there, err = holds(ctx, name, f)
	if there || err != nil {
		return there, err
	}
	g, _ := b.File(f.Path)
	if g.InBase && b.base == nil {
		return false, &FaultError{dir, f.Path, errors.New("the base has it not, or it was damaged or altered; bring a whole bundle")}
	}
	r, err := b.Open(ctx, g)
	if err != nil {
		return false, err
	}
	defer r.Close()
	return false, replace(below(dir, workDir), name, r)
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

// checkEmpty refuses a folder that holds something else than a bundle in the making: the user meant another one.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 && !exists(below(dir, workDir)) {
		return fmt.Errorf("the folder %q is not empty and no bundle: it holds %q", dir, entries[0].Name())
	}
	return nil
}
