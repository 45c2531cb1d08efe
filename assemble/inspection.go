package assemble

import (
	"github.com/pyimg/pyimg/assemble/python"
)

// RuntimeReport is what a runtime is, in a tarball, a folder or a platform of an image.
type RuntimeReport struct {
	Platform string `json:"platform,omitempty"` // of an image
	Digest   string `json:"digest,omitempty"`   // of the tarball, or of the image's manifest; none for a folder
	python.Report
}
