package attest

import (
	"bytes"
	"context"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sigstore"
)

// maxSubjects bounds the images of one index that are signed or verified at once.
const maxSubjects = 8

// Sign signs an image in a registry and all that its index names, and attaches what also has for them. ref is a reference to the
// image. What is attached already, and what the key has signed, is left as it is. Sign returns REPOSITORY@DIGEST of what it
// attached.
func Sign(ctx context.Context, registry push.Registry, ref string, index v1.ImageIndex, key sigstore.PrivateKey, also push.Attachments, o push.Options) ([]string, error) {
	targets, err := targetsOf(index)
	if err != nil {
		return nil, err
	}
	from := Registry{registry, Repository(ref)}
	to := make([]push.Attachment, len(targets))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxSubjects)
	for i, t := range targets {
		group.Go(func() (err error) {
			to[i].Ref = from.Repository + "@" + t.Digest
			to[i].Artifacts, err = lacking(gctx, from, t.Digest, key, also)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	to = slices.DeleteFunc(to, func(a push.Attachment) bool { return len(a.Artifacts) == 0 })
	attached, err := registry.AttachAll(ctx, to, o)
	var refs []string
	for _, a := range attached {
		refs = append(refs, a.Ref)
	}
	return refs, err
}

// lacking returns what is to be attached to a digest and is not yet: its signature, and what also has for it.
func lacking(ctx context.Context, from Source, digest string, key sigstore.PrivateKey, also push.Attachments) ([]push.Artifact, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, err
	}
	list, err := from.Referrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	signature, err := Signature(key, digest)
	if err != nil {
		return nil, err
	}
	wanted := append(slices.Clone(also.To[hash]), signature)
	list = slices.DeleteFunc(slices.Clone(list), func(d v1.Descriptor) bool {
		return !slices.ContainsFunc(wanted, func(a push.Artifact) bool { return a.Type == d.ArtifactType })
	})
	there, err := from.Read(ctx, digest, list[:min(len(list), maxAttached)], sigstore.MaxBundle)
	if err != nil {
		return nil, err
	}
	var signed []sigstore.Statement // by the key, about the digest
	for _, data := range there {
		if s, err := key.Public().VerifyStatement(data); err == nil && s.Is(digest) {
			signed = append(signed, s)
		}
	}
	var out []push.Artifact
	for _, a := range wanted {
		content, err := contentOf(a)
		if err != nil {
			return nil, err
		}
		if a.Type != sigstore.MediaType {
			if !slices.ContainsFunc(there, func(b []byte) bool { return b != nil && bytes.Equal(b, content) }) {
				out = append(out, a)
			}
			continue
		}
		s, err := key.Public().VerifyStatement(content)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(signed, func(t sigstore.Statement) bool {
			return t.PredicateType == s.PredicateType && sameJSON(t.Predicate, s.Predicate)
		}) {
			out, signed = append(out, a), append(signed, s)
		}
	}
	return out, nil
}

func contentOf(a push.Artifact) ([]byte, error) {
	rc, err := a.Files[0].Open()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}
