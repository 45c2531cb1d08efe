package push

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/oci"
)

// tags moves the tags. No registry can move two at once, so tags moves one after the other. Where one fails, it puts
// back those that it has moved.
func (p *pusher) tags(ctx context.Context, g *oci.Graph, targets []*target) error {
	var moved []move
	for _, t := range targets {
		for _, w := range t.refs {
			if w.tag == "" {
				continue
			}
			_, err := t.PutManifest(ctx, g.Root, w.tag)
			if lacksBlob(err) && len(moved) == 0 && forget(targets) {
				if err = p.contents(ctx, g, targets); err == nil {
					_, err = t.PutManifest(ctx, g.Root, w.tag)
				}
			}
			if err != nil {
				return putBack(ctx, moved, err)
			}
			moved = append(moved, move{t, w, t.tags[w.tag]})
		}
	}
	return nil
}

// A move is a tag that names the new image now, and the digest that it named before.
type move struct {
	t      *target
	w      targetRef
	before string
}

func (m move) String() string { return m.w.repo.String() + ":" + m.w.tag }

// putBack undoes moves after the error cause. It returns cause with a list of the moves that it could not undo.
func putBack(ctx context.Context, moved []move, cause error) error {
	var stay []string
	for _, m := range moved {
		if err := m.undo(ctx); err != nil {
			stay = append(stay, m.String())
		}
	}
	switch {
	case len(stay) > 0:
		return fmt.Errorf("%w; these tags name the new image already: %s", cause, strings.Join(stay, ", "))
	case len(moved) > 0:
		return fmt.Errorf("%w; the tags that had moved before were put back", cause)
	}
	return cause
}

// undo makes a tag name what it named before. It leaves a new tag, because many registries cannot delete one.
func (m move) undo(ctx context.Context) error {
	if m.before == "" {
		return m.t.Untag(ctx, m.w.tag)
	}
	desc, raw, err := m.t.Manifest(ctx, m.before)
	if err != nil {
		return err
	}
	_, err = m.t.PutManifest(ctx, oci.Manifest{Desc: desc, Raw: raw}, m.w.tag)
	return err
}

// verify asks the registries what the tags name now. Where a tag names another image, another push has moved it: then
// our image must still be in the repository.
func (p *pusher) verify(ctx context.Context, g *oci.Graph, targets []*target) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	root := g.Root.Desc.Digest.String()
	for _, t := range targets {
		for _, w := range t.refs {
			group.Go(func() error { return p.verifyOne(ctx, t, w, root) })
		}
	}
	return group.Wait()
}

func (p *pusher) verifyOne(ctx context.Context, t *target, w targetRef, root string) error {
	asked := cmp.Or(w.tag, root)
	now, err := t.DigestOf(ctx, asked)
	if err != nil || now == root {
		return err
	}
	if now == "" { // the answer to a GET request can say why
		var desc v1.Descriptor
		if desc, _, err = t.Manifest(ctx, asked); err != nil {
			return err
		}
		now = desc.Digest.String()
	}
	if now != root && w.tag != "" {
		if _, _, err := t.Manifest(ctx, root); err != nil {
			return t.Fail("verifying what was pushed", fmt.Errorf("the registry accepted %s, but now %q names %s, and: %w", root, w.tag, now, err))
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.overtaken = append(p.overtaken, w.repo.String()+":"+w.tag)
	}
	return nil
}
