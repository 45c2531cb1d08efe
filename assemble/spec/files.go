package spec

// Files are files of the spec's folder that come into the image.
type Files struct {
	From     string   // a file, a folder or a glob, below the spec's folder
	To       string   // where to in the image; a file or glob goes into it where it ends with a slash
	UID, GID int      `json:",omitempty"`
	Mode     int64    `json:",omitempty"` // of files; 0: 0755 for those that their owner may execute, else 0644
	DirMode  int64    `json:",omitempty"` // of folders; 0: 0755
	Exclude  []string `json:",omitempty"` // globs over paths below From, "!" before one takes back
	Replace  bool     `json:",omitempty"` // it may take the place of files of packages and runtimes
}

// Dir is a folder of the image with its owner and mode, made where it is not there.
type Dir struct {
	Path     string
	UID, GID int   `json:",omitempty"`
	Mode     int64 `json:",omitempty"` // 0: 0755
}
