package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// Imported says what an import did.
type Imported struct {
	ID      string `json:"id"` // of the bundle in the folder now
	Written int64  `json:"written"`
	Kept    int64  `json:"kept"` // bytes that were there already
}

// Import writes a bundle into a folder: a whole one replaces the bundle that is there, a delta is added to its base, which
// becomes the whole. Each file is held against its digest before it gets its place, and the manifest comes last: a run that
// was interrupted is run again. The error is a *bundle.BaseError where the folder does not hold the delta's base.
func Import(ctx context.Context, b *bundle.Bundle, dir string) (Imported, error) {
	whole, err := b.Joined()
	if err == nil && b.Base != "" && whole.ID != b.Whole {
		err = &bundle.FaultError{Bundle: b.Path, Err: fmt.Errorf("with its base it makes the bundle %s, it says %s", whole.ID, b.Whole)}
	}
	if err != nil {
		return Imported{}, err
	}
	into, err := Enter(dir)
	if err != nil {
		return Imported{}, err
	}
	defer into.Leave()
	if err := goesOn(b, dir, into.there); err != nil {
		return Imported{}, err
	}
	in := importing{from: b, into: into}
	if err := in.bring(ctx, whole); err != nil {
		return Imported{}, err
	}
	if err := into.Settle(ctx, whole); err != nil {
		return Imported{}, err
	}
	return Imported{whole.ID, in.written.Load(), in.kept.Load()}, os.RemoveAll(Below(dir, WorkDir))
}

// goesOn reports whether a bundle may take the place of the one that is in a folder, if any is.
func goesOn(b *bundle.Bundle, dir string, there manifest.Manifest) error {
	switch {
	case there.Base != "":
		return &bundle.BaseError{Bundle: dir, Base: there.Base}
	case b.Base != "" && there.ID == "" && b.Complete() != nil:
		return &bundle.BaseError{Bundle: b.Path, Base: b.Base}
	case b.Base != "" && there.ID != "" && there.ID != b.Base && there.ID != b.Whole:
		return &bundle.BaseError{Bundle: b.Path, Base: b.Base, Found: there.ID}
	}
	return nil
}

// importing is one run of Import.
type importing struct {
	from          *bundle.Bundle
	into          *Work
	written, kept atomic.Int64 // bytes
}

func (in *importing) bring(ctx context.Context, whole manifest.Manifest) error {
	err := in.into.Note(func(yield func(string) bool) {
		for f := range whole.Own() {
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
func (in *importing) file(ctx context.Context, f manifest.File) error {
	there, err := holds(ctx, Below(in.into.dir, f.Path), f)
	if err != nil {
		return err
	}
	if there {
		in.kept.Add(f.Size)
		return nil
	}
	g, _ := in.from.File(f.Path)
	if g.InBase && in.from.Complete() != nil {
		return &bundle.FaultError{Bundle: in.into.dir, File: f.Path, Err: errors.New("the base has it not, or it was damaged or altered; bring a whole bundle")}
	}
	r, err := in.from.Open(ctx, g)
	if err != nil {
		return err
	}
	defer r.Close()
	in.written.Add(f.Size)
	if err := Replace(Below(in.into.dir, WorkDir), in.into.Part(f.Path), r); err != nil {
		return err
	}
	return in.into.Place(f.Path)
}

// holds reports whether a file is there with the content that the manifest says.
func holds(ctx context.Context, name string, want manifest.File) (bool, error) {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != want.Size {
		return false, nil //nolint:nilerr // then it is written, which says what is wrong
	}
	sum, err := SumOf(ctx, name)
	return sum == want.SHA256, err
}
