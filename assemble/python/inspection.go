package python

// Inspection describes a runtime in a tarball, a folder, or a platform of an image.
type Inspection struct {
	Platform string `json:"platform,omitempty"` // only for an image
	Digest   string `json:"digest,omitempty"`   // of the tarball, or of the image's manifest; "" for a folder
	Report
}
