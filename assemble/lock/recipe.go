package lock

import "github.com/pyimg/pyimg/assemble/spec"

// ImageRecipe has everything that the bytes of a layer taken from an image depend on.
type ImageRecipe struct {
	Version     int         `json:"version"` // to be raised when the same inputs give other bytes
	Image       string      `json:"image"`   // REF@DIGEST of the platform's manifest
	Layers      []string    `json:"layers"`  // of the image, lowest first
	Paths       []string    `json:"paths"`
	To          string      `json:"to"` // the new place of the only path; "" leaves all paths where they are
	Exclude     []string    `json:"exclude,omitempty"`
	Owner       *spec.Owner `json:"owner,omitempty"`
	Compression string      `json:"compression"`
	Level       int         `json:"level,omitempty"`
}

// Recipe says how a layer is made. The last layer has none: it depends on all layers below it.
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

// PackageRecipe has everything that the bytes of a transcoded or merged layer depend on.
type PackageRecipe struct {
	Version     int            `json:"version"` // to be raised when the same inputs give other bytes
	Sources     []string       `json:"sources"` // data streams, by digest
	Edits       []*MemberEdits `json:"edits"`   // one for each source
	Compression string         `json:"compression,omitempty"`
	Level       int            `json:"level,omitempty"`
}

// RuntimeRecipe has everything that the bytes of a transcoded runtime depend on.
type RuntimeRecipe struct {
	Version     int         `json:"version"` // to be raised when the same inputs give other bytes
	Source      string      `json:"source"`  // the tarball, by digest
	From        string      `json:"from"`
	To          string      `json:"to"`
	Exclude     []string    `json:"exclude,omitempty"`
	Owner       *spec.Owner `json:"owner,omitempty"`
	Compression string      `json:"compression,omitempty"`
	Level       int         `json:"level,omitempty"`
	Moves       []Move      `json:"moves,omitempty"` // prefixes to replace in the contents of files
}

// MemberEdits are the changes to the members of a package.
type MemberEdits struct {
	Drop   map[string]bool       `json:"drop,omitempty"`   // members by clean name
	Rename map[string]string     `json:"rename,omitempty"` // to the path where apk puts them
	Attr   map[string]Attributes `json:"attr,omitempty"`   // owner and mode that apk sets
}

// A Move is a prefix that files of a runtime name, and the prefix in the image that replaces it.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}
