package push

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// Offer has the session send a layer that the image will have, before the image is complete. It returns at once, and may
// be called at any time, also concurrently. [Session.Push] sends everything that was not offered, and waits for what is
// under way.
//
// The layer is sent as Push would send it: not where the registry has it, and to the first repository of a registry
// only. Nothing is asked or sent where the image may be there already, because all tags of a repository name the same
// image now: then Push may need no request at all. [Session.Wait] returns the error of a registry. An error of the
// layer's own reader is left to Push, which opens the layer again.
func (s *Session) Offer(layer oci.Blob) {
	select {
	case s.offers <- layer:
	case <-s.done:
	}
}

// Wait waits until the session ends, and returns nil, or until it cannot succeed: it then returns the error of logging in
// or of sending a layer that was offered.
func (s *Session) Wait(ctx context.Context) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	select {
	case err := <-s.failed:
		return err
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sendOffers sends what is offered until ctx ends.
func (s *Session) sendOffers(ctx context.Context) {
	for {
		select {
		case layer := <-s.offers:
			go func() {
				var registry *remote.Error
				if err := s.sendEarly(ctx, layer); errors.As(err, &registry) && ctx.Err() == nil {
					select {
					case s.failed <- err:
					default: // another layer failed before
					}
				}
			}()
		case <-ctx.Done():
			return
		}
	}
}

func (s *Session) sendEarly(ctx context.Context, layer oci.Blob) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, ts := range byRegistry(s.targets) {
		group.Go(func() error {
			for i, t := range ts {
				if !t.outdated {
					return nil // Push sends it here, from where the others mount it
				}
				if err := s.pusher.blob(ctx, t, layer, ts[:i], true); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// isOutdated reports whether Push will have to move a tag or to send an image by digest, whatever the image will be.
func (t *target) isOutdated() bool {
	named := t.tags[t.refs[0].tag]
	for _, w := range t.refs {
		switch now := t.tags[w.tag]; {
		case w.digest != "":
			return false // the image may be there under its digest
		case w.tag == "", now == "", now != named:
			return true
		}
	}
	return false
}
