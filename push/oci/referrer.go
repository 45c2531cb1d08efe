package oci

import (
	"bytes"
	"cmp"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Referrer is an artifact that refers to an image or to another artifact: a signature, a bill of materials. See the OCI image-spec,
// manifest.md, "subject".
type Referrer struct {
	Subject  v1.Hash // the image, index or artifact that it is attached to
	Manifest Manifest
	Blobs    []Blob // its config and files
}

// ReferrerIn makes a referrer of the manifest raw, which desc describes. It is nil where the manifest is not an artifact's, or names no
// subject.
func ReferrerIn(from Source, desc v1.Descriptor, raw []byte) *Referrer {
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil || m.Subject == nil || !desc.MediaType.IsImage() {
		return nil
	}
	desc.Annotations, desc.ArtifactType = m.Annotations, cmp.Or(m.ArtifactType, string(m.Config.MediaType))
	r := &Referrer{Subject: m.Subject.Digest, Manifest: Manifest{Desc: desc, Raw: raw}}
	for _, b := range append(m.Layers, m.Config) {
		r.Blobs = append(r.Blobs, Blob{Desc: b, Open: func() (io.ReadCloser, error) { return from.Blob(b) }})
	}
	return r
}
