package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// pushWithReferrers pushes an image with what is attached to it on disk. A registry that has the image already gets what was
// attached since.
func pushWithReferrers(ctx context.Context, run *session.Session, pushing *session.Push, index v1.ImageIndex, read func() ([]oci.Referrer, error)) (push.Result, error) {
	referrers, err := read()
	if err != nil {
		return push.Result{}, err
	}
	attached := false
	pushing.Attach(func() (push.Attachments, error) {
		attached = true
		out := push.Attachments{To: make(map[v1.Hash][]push.Artifact)}
		for _, r := range referrers {
			out.To[r.Subject] = append(out.To[r.Subject], push.AsItIs(r.Manifest, r.Blobs))
		}
		return out, nil
	})
	r, err := run.FinishPush(ctx, pushing, index)
	if err != nil || len(referrers) == 0 || attached && len(r.Refs) == 1 {
		return r, err
	}
	graph, err := oci.Walk(index)
	if err != nil {
		return r, err
	}
	for _, ref := range r.Refs {
		if err := attachMissing(ctx, run.Registry(), attest.Repository(ref), graph.Manifests(), referrers); err != nil {
			return r, err
		}
	}
	return r, nil
}

// attachMissing attaches what the images of a repository lack of their referrers, and what is attached to these in turn.
func attachMissing(ctx context.Context, registry push.Registry, repository string, subjects []oci.Manifest, referrers []oci.Referrer) error {
	bySubject := make(map[v1.Hash][]oci.Referrer)
	for _, r := range referrers {
		bySubject[r.Subject] = append(bySubject[r.Subject], r)
	}
	for seen := make(map[v1.Hash]bool); len(subjects) > 0; subjects = subjects[1:] {
		subject := subjects[0].Desc.Digest
		if seen[subject] {
			continue
		}
		seen[subject] = true
		ours := bySubject[subject]
		if len(ours) == 0 {
			continue
		}
		ref := repository + "@" + subject.String()
		_, there, err := registry.Referrers(ctx, ref, "")
		if err != nil {
			return err
		}
		listed := make(map[v1.Hash]bool)
		for _, d := range there {
			listed[d.Digest] = true
		}
		var lacked []push.Artifact
		for _, r := range ours {
			subjects = append(subjects, r.Manifest)
			if !listed[r.Manifest.Desc.Digest] {
				lacked = append(lacked, push.AsItIs(r.Manifest, r.Blobs))
			}
		}
		if len(lacked) == 0 {
			continue
		}
		if _, err := registry.AttachAll(ctx, []push.Attachment{{Ref: ref, Artifacts: lacked}}, push.Options{}); err != nil {
			return err
		}
	}
	return nil
}
