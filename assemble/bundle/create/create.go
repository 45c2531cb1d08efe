// Package create makes bundles: it finds out what one will hold and how large it will be, fetches what is not there yet,
// and writes a folder, a tar or a tar in parts. A run that was interrupted is gone on with by the next one.
//
// It asks no host but through Options.Client, Options.BaseImages and, for Alpine's keys, Options.Keyring.
package create

import (
	"context"
	"fmt"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
)

// A Draft is a bundle of which it is known what it will hold and how large it will be.
type Draft struct {
	Sizes

	// Unlisted are packages that the lock names and no index lists any more: other apk clients cannot install them.
	Unlisted []string

	o    Options // without Inputs, which the plan has
	at   *place
	plan *plan
}

// Prepare finds out what the bundle will hold, which takes the indexes: they are fetched. The caller closes the draft.
func Prepare(ctx context.Context, o Options) (*Draft, error) {
	at, err := openPlace(o)
	if err != nil {
		return nil, err
	}
	d, err := prepare(ctx, o, at)
	if err != nil {
		at.close()
		return nil, err
	}
	return d, nil
}

func prepare(ctx context.Context, o Options, at *place) (*Draft, error) {
	f := newFetcher(o, at)
	p, unlisted, err := gather(ctx, o, f)
	if err != nil {
		return nil, err
	}
	indexes := f.count.Load()
	o.Inputs = assemble.Inputs{} // there may be many packages
	if err := p.examine(ctx, maker{o: o, at: at, fetch: f}); err != nil {
		return nil, err
	}
	sizes, err := measure(p, o, at)
	sizes.Indexes = indexes
	return &Draft{Sizes: sizes, Unlisted: unlisted, o: o, at: at, plan: p}, err
}

// Close gives the folder free for other runs. What was fetched stays for the next one.
func (d *Draft) Close() { d.at.close() }

// Created says what was made.
type Created struct {
	ID     string `json:"id"`
	Base   string `json:"base,omitempty"` // of a delta
	Whole  string `json:"whole,omitempty"`
	Bundle int64  `json:"bundle"` // bytes that it takes
	// NoBytecode says why the locks' layers of bytecode could not be made; "" if they are all there.
	NoBytecode string `json:"noBytecode,omitempty"`

	Fetched int64 `json:"fetched"` // bytes that came from elsewhere, the indexes included
}

// A SpaceError says that a bundle does not fit.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%d bytes are needed at %q and %d are free; make room, name another place with --output, or bring less with --platform or --since",
		e.Need, e.Dir, e.Free)
}

// Create makes the bundle. What it has fetched stays where it is interrupted, and the same call goes on from there.
// progress is told of what is fetched, as Options.Progress was of the indexes. The error is a *SpaceError where there is no
// room for it; nothing is fetched then but the indexes.
func (d *Draft) Create(ctx context.Context, progress input.Progress) (Created, error) {
	if !d.Fits() {
		return Created{}, &SpaceError{d.at.dir, d.Need, d.Free}
	}
	o := d.o
	o.Progress = progress
	f := newFetcher(o, d.at)
	if err := d.at.into.Note(d.plan.planned); err != nil {
		return Created{}, err
	}
	var lacking unmade
	if err := d.plan.each(ctx, o.jobs(), maker{o, d.at, f, &lacking}.bring); err != nil {
		return Created{}, err
	}
	if err := d.leaveOut(&lacking); err != nil {
		return Created{}, err
	}
	d.plan.leaveIndexes(d.at.into)
	m, err := d.plan.manifest(o.Since)
	if err != nil {
		return Created{}, err
	}
	if err := d.at.into.Settle(ctx, m); err != nil {
		return Created{}, err
	}
	made := Created{ID: m.ID, Base: m.Base, Whole: m.Whole, Bundle: d.Bundle, Fetched: d.Indexes + f.count.Load(), NoBytecode: lacking.text()}
	return made, d.at.finish(ctx, m, o)
}
