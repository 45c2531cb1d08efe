package lock

import "github.com/pyimg/pyimg/assemble/spec"

// ImageRecipe is what a layer out of an image depends on.
type ImageRecipe struct {
	Version     int         `json:"version"` // to be raised when the same inputs give other bytes
	Image       string      `json:"image"`   // REF@DIGEST of the platform's manifest
	Layers      []string    `json:"layers"`  // of the image, lowest first
	Paths       []string    `json:"paths"`
	To          string      `json:"to"` // where the one path lands; "" leaves all where they are
	Exclude     []string    `json:"exclude,omitempty"`
	Owner       *spec.Owner `json:"owner,omitempty"`
	Compression string      `json:"compression"`
	Level       int         `json:"level,omitempty"`
}

// Recipe says how a layer is made. The last layer has none: it follows from all that lies below it.
type Recipe struct {
	Packages *PackageRecipe `json:"packages,omitempty"`
	Runtime  *RuntimeRecipe `json:"runtime,omitempty"`
	Image    *ImageRecipe   `json:"image,omitempty"`
	Wheels   *WheelsRecipe  `json:"wheels,omitempty"`
}

type Attributes struct {
	Mode int64 `json:"mode"`
	UID  int   `json:"uid"`
	GID  int   `json:"gid"`
}

// PackageRecipe is what the bytes of a transcoded or merged layer depend on.
type PackageRecipe struct {
	Version     int            `json:"version"` // to be raised when the same inputs give other bytes
	Sources     []string       `json:"sources"` // data streams, by digest
	Edits       []*MemberEdits `json:"edits"`   // one a source
	Compression string         `json:"compression,omitempty"`
	Level       int            `json:"level,omitempty"`
}

// RuntimeRecipe is what a transcoded runtime depends on.
type RuntimeRecipe struct {
	Version     int         `json:"version"` // to be raised when the same inputs give other bytes
	Source      string      `json:"source"`  // the tarball, by digest
	From        string      `json:"from"`
	To          string      `json:"to"`
	Exclude     []string    `json:"exclude,omitempty"`
	Owner       *spec.Owner `json:"owner,omitempty"`
	Compression string      `json:"compression,omitempty"`
	Level       int         `json:"level,omitempty"`
	Moves       []Move      `json:"moves,omitempty"` // in the contents of files
}

// MemberEdits are what changes in a package's members.
type MemberEdits struct {
	Drop   map[string]bool       `json:"drop,omitempty"`   // members by clean name
	Rename map[string]string     `json:"rename,omitempty"` // to where apk would have put them
	Attr   map[string]Attributes `json:"attr,omitempty"`   // owner and mode, as apk would have set them
}

// A Move is a prefix that files of a runtime hold, and the one that it has in the image.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}
