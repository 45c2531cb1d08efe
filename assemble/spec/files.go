package spec

import (
	"slices"
	"strings"
)

// Files are files of the spec's folder that are copied into the image.
type Files struct {
	From     string   // a file, a folder or a glob, below the spec's folder
	To       string   // the path in the image; if it ends with a slash, files go into that folder
	UID, GID int      `json:",omitempty"`
	Mode     int64    `json:",omitempty"` // of files; 0: 0755 for those that their owner may execute, otherwise 0644
	DirMode  int64    `json:",omitempty"` // of folders; 0: 0755
	Exclude  []string `json:",omitempty"` // globs over paths below From; "!" before one includes paths again
	Replace  bool     `json:",omitempty"` // these files may replace files of packages and runtimes
}

// PerPlatform reports whether each platform has its own files: From has names such as {arch}.
func (f Files) PerPlatform() bool {
	return slices.ContainsFunc(platformNames(), func(name string) bool { return strings.Contains(f.From, "{"+name+"}") })
}

// TakesFolder reports whether an image has something of the spec's folder, which a bundle has to bring along.
func (s Spec) TakesFolder() bool { return len(s.Files)+len(s.Certificates) > 0 }

// Dir is a folder of the image with its owner and mode. It is created if it does not exist.
type Dir struct {
	Path     string
	UID, GID int   `json:",omitempty"`
	Mode     int64 `json:",omitempty"` // 0: 0755
}
