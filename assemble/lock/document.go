package lock

import (
	"cmp"

	"github.com/pyimg/pyimg/sbom"
)

// titleKey is the annotation and the label that hold an image's name. See the OCI image-spec, annotations.md.
const titleKey = "org.opencontainers.image.title"

// Document is what the bill of materials of a platform's image is written from. It does not depend on the digests of layers, so it
// can be in the image.
func (p Platform) Document(annotations map[string]string) sbom.Document {
	return sbom.Document{Name: cmp.Or(annotations[titleKey], p.Config.Labels[titleKey], "image"), Platform: p.Platform.String(),
		Created: p.Created, Components: p.Components}
}
