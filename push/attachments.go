package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// Attachments are what a push attaches to its image.
type Attachments struct {
	To map[v1.Hash][]Artifact // by the digest of the image's index or of a manifest below it
	// Required says that the push fails where a registry refuses them. Otherwise Result.Unattached says so. Registries from before
	// OCI 1.1 may refuse artifacts.
	Required bool
}

// Attach has [Session.Push] attach artifacts before it moves a tag: whoever finds the image by its tag finds what is attached.
// Nothing is attached, and what is not asked for, where the tag names the image already.
func (s *Session) Attach(what func() (Attachments, error)) { s.attachments = what }

// attach attaches artifacts to the images in all targets.
func (p *pusher) attach(ctx context.Context, what func() (Attachments, error), g *oci.Graph, targets []*target) error {
	if what == nil || len(targets) == 0 {
		return nil
	}
	a, err := what()
	if err != nil {
		return err
	}
	var to []attachedTo
	seen := make(map[v1.Hash]bool)
	for _, m := range slices.Concat(append(slices.Clone(g.Levels), []oci.Manifest{g.Root})...) {
		to = a.below(to, m.Desc, seen)
	}
	var group errgroup.Group
	for _, t := range targets {
		group.Go(func() error {
			// Nobody else attaches to an image that no tag names yet, so nobody is waited for.
			_, err := p.attachAll(ctx, t, to, false)
			if err != nil && !a.Required && refusesArtifacts(err) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.unattached = append(p.unattached, fmt.Sprintf("%s: %v", t.repo, err))
				return nil
			}
			return err
		})
	}
	return group.Wait()
}

// below adds what is attached to an image, and what is attached to that in turn.
func (a Attachments) below(to []attachedTo, subject v1.Descriptor, seen map[v1.Hash]bool) []attachedTo {
	artifacts := a.To[subject.Digest]
	if len(artifacts) == 0 || seen[subject.Digest] {
		return to
	}
	seen[subject.Digest] = true
	to = append(to, attachedTo{subject, artifacts})
	for _, artifact := range artifacts {
		if artifact.made != nil {
			to = a.below(to, artifact.made.Desc, seen)
		}
	}
	return to
}

// refusesArtifacts reports whether an error is the answer of a registry that does not take manifests of this kind.
func refusesArtifacts(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotImplemented}, e.Status)
}
