package bundle

import (
	"context"
	"errors"
	"fmt"
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
	whole, err := b.whole()
	if err == nil && b.Base != "" && whole.ID != b.Whole {
		err = &FaultError{Bundle: b.Path, Err: fmt.Errorf("with its base it makes the bundle %s, it says %s", whole.ID, b.Whole)}
	}
	if err != nil {
		return Imported{}, err
	}
	into, err := enter(dir)
	if err != nil {
		return Imported{}, err
	}
	defer into.leave()
	if err := b.goesOn(dir, into.there); err != nil {
		return Imported{}, err
	}
	in := importing{from: b, into: into}
	if err := in.bring(ctx, whole); err != nil {
		return Imported{}, err
	}
	if err := into.settle(ctx, whole); err != nil {
		return Imported{}, err
	}
	return Imported{whole.ID, in.written.Load(), in.kept.Load()}, os.RemoveAll(below(dir, workDir))
}

// goesOn tells whether a bundle may take the place of the one that is in a folder, if any is.
func (b *Bundle) goesOn(dir string, there Manifest) error {
	switch {
	case there.Base != "":
		return &BaseError{Bundle: dir, Base: there.Base}
	case b.Base != "" && there.ID == "" && b.base == nil:
		return &BaseError{Bundle: b.Path, Base: b.Base}
	case b.Base != "" && there.ID != "" && there.ID != b.Base && there.ID != b.Whole:
		return &BaseError{b.Path, b.Base, there.ID}
	}
	return nil
}

// importing is one run of Import.
type importing struct {
	from          *Bundle
	into          *placing
	written, kept atomic.Int64 // bytes
}

func (in *importing) bring(ctx context.Context, whole Manifest) error {
	err := in.into.note(func(yield func(string) bool) {
		for f := range whole.own() {
			if !yield(f.Path) {
				return
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

// file brings one file, unless it is there with the right content; of a delta's base it has to be.
func (in *importing) file(ctx context.Context, f File) error {
	there, err := holds(ctx, below(in.into.dir, f.Path), f)
	if err != nil {
		return err
	}
	if there {
		in.kept.Add(f.Size)
		return nil
	}
	g, _ := in.from.File(f.Path)
	if g.InBase && in.from.base == nil {
		return &FaultError{in.into.dir, f.Path, errors.New("the base has it not, or it was damaged or altered; bring a whole bundle")}
	}
	r, err := in.from.Open(ctx, g)
	if err != nil {
		return err
	}
	defer r.Close()
	in.written.Add(f.Size)
	if err := replace(below(in.into.dir, workDir), in.into.part(f.Path), r); err != nil {
		return err
	}
	return in.into.place(f.Path)
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
