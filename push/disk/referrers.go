package disk

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/oci"
)

// A Referrer is an artifact of a layout that refers to an image: a signature, a bill of materials.
type Referrer struct {
	Subject  v1.Hash // the image or index that it is attached to
	Manifest oci.Manifest
	Blobs    []oci.Blob // its config and files
}

// ReadReferrers lists the artifacts in the index of a layout or an archive that have a subject; path is as [ReadLayout] takes it.
// See the OCI image-spec, manifest.md, "subject".
func ReadReferrers(path string) ([]Referrer, error) {
	location, _, err := splitLayout(path)
	if err != nil {
		return nil, err
	}
	files, err := openFiles(location)
	if err != nil {
		return nil, err
	}
	im, _, err := files.entries()
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", location, err)
	}
	var all []Referrer
	for _, d := range im.Manifests {
		if !d.MediaType.IsImage() {
			continue
		}
		raw, err := files.Manifest(d)
		if err != nil {
			continue // a layout may lack what nobody asks for
		}
		m, err := v1.ParseManifest(bytes.NewReader(raw))
		if err != nil || m.Subject == nil {
			continue
		}
		d.Annotations, d.ArtifactType = m.Annotations, m.ArtifactType
		r := Referrer{Subject: m.Subject.Digest, Manifest: oci.Manifest{Desc: d, Raw: raw}}
		for _, b := range append(slices.Clone(m.Layers), m.Config) {
			r.Blobs = append(r.Blobs, oci.Blob{Desc: b, Open: func() (io.ReadCloser, error) { return files.Blob(b) }})
		}
		all = append(all, r)
	}
	return all, nil
}
