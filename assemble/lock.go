package assemble

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// LockVersion is the version of the lock's format.
const LockVersion = 1

// Lock is a plan with its results: all that the image is made of, by digest. The image's configuration, manifests and
// index follow from it alone, without reading a package.
type Lock struct {
	Version     int               `json:"version"`
	Spec        string            `json:"spec"` // digest of the spec that it was made from
	Untrusted   bool              `json:"untrusted,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"` // of the manifests and the index
	Platforms   []LockedPlatform  `json:"platforms"`
	Digest      string            `json:"index"` // of the image index that must come out
}

// LockedPlatform is one platform of a lock.
type LockedPlatform struct {
	Platform     Platform        `json:"platform"`
	Dialect      int             `json:"dialect"`
	World        []string        `json:"world"`
	Packages     []LockedPackage `json:"packages"` // in install order
	Runtimes     []LockedRuntime `json:"runtimes,omitempty"`
	Created      time.Time       `json:"created"`
	Config       v1.Config       `json:"config"`
	Layers       []LockedLayer   `json:"layers"`
	ConfigDigest string          `json:"configDigest"`
	Manifest     string          `json:"manifest"`
}

// LockedPackage is one package.
type LockedPackage struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	URLs     []string `json:"urls"`
	Size     int64    `json:"size"`           // of the .apk, in bytes
	Checksum string   `json:"checksum"`       // of its control stream, as the index has it
	Data     string   `json:"data,omitempty"` // digest of its data stream; none where it unpacks nothing
}

// LockedRuntime is one runtime tarball.
type LockedRuntime struct {
	URL    string `json:"url"`
	Digest string `json:"digest"`
}

// LockedLayer is one layer, lowest first.
type LockedLayer struct {
	Digest    string `json:"digest"`
	DiffID    string `json:"diffID"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"` // compressed, in bytes
	From      string `json:"from"`
	Reason    string `json:"reason,omitempty"` // why it is not its source's own bytes
}
