// Package ci writes what was made and pushed in the forms that CI systems read: a file of metadata, results of a Tekton task, and
// outputs and a summary of a GitHub job.
package ci

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// Metadata is what --metadata-file holds. The fields with a dot are those of docker buildx, which tools know.
type Metadata struct {
	BuildxDigest     string             `json:"containerimage.digest"`
	BuildxDescriptor v1.Descriptor      `json:"containerimage.descriptor"`
	BuildxName       string             `json:"image.name,omitempty"` // references, with commas between
	Digest           string             `json:"digest"`
	MediaType        string             `json:"media_type"`
	Size             int64              `json:"size"` // of the index or manifest, in bytes
	Refs             []string           `json:"refs"` // REF@DIGEST
	Tags             []string           `json:"tags"` // REF, without what was pushed by digest alone
	Platforms        []platformMetadata `json:"platforms"`
	Pushed           *pushMetadata      `json:"pushed,omitempty"` // left out where nothing was pushed
}

type platformMetadata struct {
	Platform     string          `json:"platform"`
	Digest       string          `json:"digest"`        // of the manifest
	ManifestSize int64           `json:"manifest_size"` // in bytes
	Size         int64           `json:"size"`          // of config and layers as they travel, in bytes
	Config       v1.Descriptor   `json:"config"`
	Layers       []v1.Descriptor `json:"layers"`
}

type pushMetadata struct {
	Sent      int   `json:"blobs_sent"`
	SentBytes int64 `json:"bytes_sent"`
	Mounted   int   `json:"blobs_mounted"`
	Present   int   `json:"blobs_present"`
	Requests  int64 `json:"requests"`
}

// NewMetadata describes what was made and pushed.
func NewMetadata(r push.Result) (Metadata, error) {
	digest, err := v1.NewHash(r.Digest)
	if err != nil {
		return Metadata{}, err
	}
	m := Metadata{
		BuildxDigest: r.Digest, Digest: r.Digest, MediaType: r.MediaType, Size: r.Size, Refs: r.Refs, Tags: tagsOf(r), Platforms: []platformMetadata{},
		BuildxDescriptor: v1.Descriptor{Digest: digest, Size: r.Size},
	}
	if m.Refs == nil {
		m.Refs = []string{}
	}
	m.BuildxDescriptor.MediaType = types.MediaType(r.MediaType)
	m.BuildxName = strings.Join(m.Tags, ",")
	for _, p := range r.Platforms {
		m.Platforms = append(m.Platforms, platformMetadata{PlatformName(p), p.Digest, p.ManifestSize, p.Size, p.Config, p.Layers})
	}
	if len(r.Refs) > 0 {
		m.Pushed = &pushMetadata{r.BlobsSent, r.BytesSent, r.BlobsMounted, r.BlobsPresent, r.Requests}
	}
	return m, nil
}

// tagsOf are the references that were pushed under a tag, as they were asked for.
func tagsOf(r push.Result) []string {
	tags := []string{}
	for _, ref := range r.Refs {
		name := strings.TrimSuffix(ref, "@"+r.Digest)
		if last := name[strings.LastIndexByte(name, '/')+1:]; strings.Contains(last, ":") {
			tags = append(tags, name)
		}
	}
	return tags
}

// PlatformName is a platform as people read it.
func PlatformName(p oci.Platform) string {
	if p.Platform == nil {
		return "unknown"
	}
	return p.Platform.String()
}
