package session

import (
	"context"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/artifact"
)

// OpenForSeveral opens what the sessions of several images share: bundle, cache, connections and the display of progress. ctx must
// last as long as they work.
func (run *Session) OpenForSeveral(ctx context.Context) error {
	if err := run.aloneRegistry().Check(); err != nil {
		return exit.WrongUse(err)
	}
	if _, err := run.Bundle(ctx); err != nil {
		return err
	}
	if _, err := run.Store(); err != nil {
		return err
	}
	display, err := run.Progress()
	if err != nil {
		return err
	}
	run.atEnd(display.Close)
	s := &several{memo: new(memo.Memo), notice: run.Notice(), display: display}
	s.client = &fetch.Client{Offline: run.flags.Bool("offline"), Notice: s.notice, Jobs: run.flags.Int("jobs")}
	s.client.Registries = artifacts(sync.OnceValue(func() *artifact.Opener { return artifact.NewOpener(s.registry()) }))
	s.registry = sync.OnceValue(func() push.Registry { // after the login was read
		alone := run.aloneRegistry()
		if r, err := alone.Together(); err == nil {
			return r
		}
		return alone // whose use says what is wrong
	})
	s.images = sync.OnceValue(func() input.Images {
		next := run.imagesOf(s.registry())
		open := func(ref, platform string) (v1.Image, error) { return next.Image(ctx, ref, platform) }
		return sharedImages{s.memo, open}
	})
	run.several = s
	return nil
}

// ForImage returns a session for one image of the command line, with flags as they are for it. Sessions of several images may work
// at the same time after [Session.OpenForSeveral]. The first session closes what they open.
func (run *Session) ForImage(c console.Console, set flags.Set, spec string) *Session {
	one := *run
	one.Console, one.flags, one.args = c, set, []string{spec}
	return &one
}

// EndDisplay ends the display of progress, so that text can be written where it was.
func (run *Session) EndDisplay() { run.several.display.Close() }

// sharedImages asks for each image once.
type sharedImages struct {
	memo *memo.Memo
	open func(ref, platform string) (v1.Image, error) // with the context of the whole run: layers are read later
}

// imageKey is the question for an image.
type imageKey struct{ ref, platform string }

func (s sharedImages) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	return memo.Once(ctx, s.memo, imageKey{ref, platform}, func(context.Context) (v1.Image, error) { return s.open(ref, platform) })
}

// unclosed is a display that is closed with the session of all images.
type unclosed struct{ progress.Reporter }

func (unclosed) Close() {}
