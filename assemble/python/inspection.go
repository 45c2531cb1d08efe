package python

// Inspection is what a runtime is, in a tarball, a folder or a platform of an image.
type Inspection struct {
	Platform string `json:"platform,omitempty"` // of an image
	Digest   string `json:"digest,omitempty"`   // of the tarball, or of the image's manifest; none for a folder
	Report
}
