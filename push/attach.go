package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

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
}

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
	return patience.Promptly(ctx, func() (Attached, error) { return r.attach(ctx, ref, a, o) })
}

func (r Registry) attach(ctx context.Context, ref string, a Artifact, o Options) (Attached, error) {
	s, subject, err := r.subject(ctx, ref, "push,pull")
	if err != nil {
		return Attached{}, err
	}
	m, blobs, err := a.manifest(subject)
	if err != nil {
		return Attached{}, err
	}
	p := r.newPusher(o.Progress)
	t := &target{repo: s.Repo, Repository: s}
	for _, b := range blobs {
		if err := p.blob(ctx, t, b, nil, false); err != nil {
			return Attached{}, err
		}
	}
	digest := m.Desc.Digest.String()
	resp, err := s.PutManifest(ctx, m, digest)
	if err != nil {
		return Attached{}, err
	}
	out := Attached{Ref: s.Repo.String() + "@" + digest, Digest: digest, Subject: subject}
	if resp.Header.Get("OCI-Subject") == "" {
		out.Tag = referrersTag(subject.Digest)
		err = addReferrer(ctx, s, out.Tag, m.Desc)
	}
	return out, err
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
