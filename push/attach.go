package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

const (
	// emptyType is the media type of an empty config. See the OCI image-spec, manifest.md.
	emptyType = "application/vnd.oci.empty.v1+json"
	// fileTitle is the annotation that holds a file's name.
	fileTitle = "org.opencontainers.image.title"
)

// An Artifact is something to attach to an image: a bill of materials, a provenance statement, a signature.
type Artifact struct {
	Type        string // a media type
	Files       []File
	Annotations map[string]string

	made  *oci.Manifest // the artifact as it is; the fields above are not used then
	blobs []oci.Blob
}

// AsItIs is an artifact that somebody has made already, such as one in a layout. Its manifest names the subject that it is attached to.
func AsItIs(m oci.Manifest, blobs []oci.Blob) Artifact { return Artifact{made: &m, blobs: blobs} }

// A File is one file of an artifact. Attach opens it twice: to compute its digest, and to send it.
type File struct {
	Name      string // without a path
	MediaType string // "" means the artifact's type
	Open      func() (io.ReadCloser, error)
}

// An Attached is the result of [Registry.Attach].
type Attached struct {
	Ref     string        // REPOSITORY@DIGEST of the artifact's manifest
	Digest  string        // the digest of the artifact's manifest
	Subject v1.Descriptor // the image that it is attached to
	Tag     string        // the tag that lists the referrers, where the registry has no referrers API; otherwise ""
}

// Attach pushes an artifact that refers to the image that ref names: an OCI 1.1 referrer. The image must be in the
// registry. Where the registry does not know the referrers API, Attach adds the artifact to a list under the tag
// sha256-DIGEST, as the OCI distribution-spec requires. Several processes may attach at the same time.
func (r Registry) Attach(ctx context.Context, ref string, a Artifact, o Options) (Attached, error) {
	all, err := r.AttachAll(ctx, []Attachment{{ref, []Artifact{a}}}, o)
	if err != nil {
		return Attached{}, err
	}
	return all[0], nil
}

// An Attachment is artifacts for one image.
type Attachment struct {
	Ref       string // of the image
	Artifacts []Artifact
}

// AttachAll attaches artifacts to several images of one repository as [Registry.Attach] does. It changes the list of referrers of
// each image once, and sends what the artifacts have in common once.
func (r Registry) AttachAll(ctx context.Context, to []Attachment, o Options) ([]Attached, error) {
	return patience.Promptly(ctx, func() ([]Attached, error) {
		var t *target
		subjects := make([]attachedTo, len(to))
		for i, a := range to {
			s, desc, err := r.subject(ctx, a.Ref, "push,pull")
			if err != nil {
				return nil, err
			}
			subjects[i] = attachedTo{desc, a.Artifacts}
			if t == nil {
				t = &target{repo: s.Repo, Repository: s}
			}
			if s.Repo.Name() != t.repo.Name() {
				return nil, fmt.Errorf("attaching: %q is of another repository than %q", a.Ref, to[0].Ref)
			}
		}
		if t == nil {
			return nil, nil
		}
		if r.together != nil {
			t.connection = r.together.connection
		}
		return r.newPusher(o.Progress).attachAll(ctx, t, subjects, true)
	})
}

// attachedTo is an image, and what is attached to it.
type attachedTo struct {
	subject   v1.Descriptor
	artifacts []Artifact
}

// attachAll attaches artifacts to images. Where the registry has no lists of its own, watch says whether others may be changing the
// lists under the tags at the same time. A blob is sent once: some registries refuse a manifest while one of its blobs comes again.
func (p *pusher) attachAll(ctx context.Context, t *target, to []attachedTo, watch bool) ([]Attached, error) {
	manifests := make([][]oci.Manifest, len(to))
	blobs := make(map[v1.Hash]attachedBlob)
	for i, s := range to {
		for _, a := range s.artifacts {
			m, named, err := a.manifest(s.subject)
			if err != nil {
				return nil, err
			}
			manifests[i] = append(manifests[i], m)
			for _, b := range named {
				blobs[b.Desc.Digest] = attachedBlob{b, a.mayBeThere(b) || blobs[b.Desc.Digest].ask}
			}
		}
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	for _, b := range blobs {
		group.Go(func() error { return p.sendAttached(gctx, t, b) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make([][]Attached, len(to))
	group, gctx = errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	for i, s := range to {
		group.Go(func() (err error) {
			all[i], err = p.attachManifests(gctx, t, s.subject, manifests[i], watch)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(all...), err
}

// attachedBlob is a blob of an artifact.
type attachedBlob struct {
	oci.Blob
	ask bool // whether the repository has it
}

// mayBeThere reports whether the repository may have a blob of the artifact already. What is said of one image names it, or its
// packages, so it is new where the image is, and sending it costs no more than asking for it. The empty configuration is common to
// all artifacts.
func (a Artifact) mayBeThere(b oci.Blob) bool {
	return a.made != nil || b.Desc.MediaType == emptyType || b.Desc.Size > remote.Small
}

// attachManifests sends the manifests of artifacts, and lists them where the registry does not.
func (p *pusher) attachManifests(ctx context.Context, t *target, subject v1.Descriptor, manifests []oci.Manifest, watch bool) ([]Attached, error) {
	all := make([]Attached, len(manifests))
	var unlisted []v1.Descriptor
	for i, m := range manifests {
		digest := m.Desc.Digest.String()
		resp, err := t.PutManifest(ctx, m, digest)
		if err != nil {
			return nil, err
		}
		all[i] = Attached{Ref: t.repo.String() + "@" + digest, Digest: digest, Subject: subject}
		if resp.Header.Get("OCI-Subject") == "" {
			all[i].Tag = referrersTag(subject.Digest)
			unlisted = append(unlisted, m.Desc)
		}
	}
	if len(unlisted) == 0 {
		return all, nil
	}
	return all, addReferrers(ctx, t.Repository, referrersTag(subject.Digest), unlisted, watch)
}

// sendAttached sends a blob of an artifact unless the repository has it. It does not count among the blobs of the image.
func (p *pusher) sendAttached(ctx context.Context, t *target, b attachedBlob) error {
	if b.ask {
		if there, err := p.asks(ctx, t, b.Blob); there || err != nil {
			return err
		}
	}
	if p.together != nil { // images on the same packages have bills of materials in common
		_, _, err := p.sendOnce(ctx, t, b.Blob, false)
		return err
	}
	_, err := p.send(ctx, t.Repository, b.Blob, "")
	return err
}

// subject opens the repository of a reference and returns the descriptor of the image that the reference names.
func (r Registry) subject(ctx context.Context, ref, actions string) (*remote.Repository, v1.Descriptor, error) {
	parsed, err := r.parse(ref)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	s, err := r.openOne(ctx, parsed.Context(), actions)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	desc, _, err := s.Manifest(ctx, identifier(parsed))
	return s, desc, err
}

// manifest makes the artifact's manifest, and the blobs that it names.
func (a Artifact) manifest(subject v1.Descriptor) (oci.Manifest, []oci.Blob, error) {
	if a.made != nil {
		return *a.made, a.blobs, nil
	}
	if !strings.Contains(a.Type, "/") {
		return oci.Manifest{}, nil, fmt.Errorf("attaching: the type %q is not a media type such as application/spdx+json", a.Type)
	}
	if len(a.Files) == 0 {
		return oci.Manifest{}, nil, errors.New("attaching: no file given")
	}
	empty := []byte("{}")
	config := v1.Descriptor{MediaType: emptyType, Digest: oci.SHA256(empty), Size: int64(len(empty))}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.Type, Config: config,
		Layers: []v1.Descriptor{}, Annotations: a.Annotations,
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}
	blobs := []oci.Blob{oci.Memory(config, empty)}
	for _, f := range a.Files {
		b, err := f.blob(a.Type)
		if err != nil {
			return oci.Manifest{}, nil, fmt.Errorf("attaching %q: %w", f.Name, err)
		}
		m.Layers, blobs = append(m.Layers, b.Desc), append(blobs, b)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return oci.Manifest{}, nil, err
	}
	desc := v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: oci.SHA256(raw), Size: int64(len(raw)), ArtifactType: a.Type, Annotations: a.Annotations,
	}
	return oci.Manifest{Desc: desc, Raw: raw}, blobs, nil
}

func (f File) blob(defaultType string) (oci.Blob, error) {
	rc, err := f.Open()
	if err != nil {
		return oci.Blob{}, err
	}
	digest, size, err := v1.SHA256(rc)
	if cerr := rc.Close(); err == nil {
		err = cerr
	}
	desc := v1.Descriptor{MediaType: types.MediaType(f.MediaType), Digest: digest, Size: size, Annotations: map[string]string{fileTitle: f.Name}}
	if desc.MediaType == "" {
		desc.MediaType = types.MediaType(defaultType)
	}
	return oci.Blob{Desc: desc, Open: f.Open}, err
}
