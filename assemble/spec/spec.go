package spec

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
)

// Spec says what an image is made of. See docs/SPEC.md for each field.
type Spec struct {
	// Name is the file that the spec was read from, for errors; Dir is what its relative paths start from.
	Name, Dir string `json:"-"`
	// Lenient says that nobody asked for what this machine may be unable to do: a warning serves instead of an error.
	Lenient bool `json:"-"`
	// Folder opens what Files are read from; nil: the folder Dir.
	Folder func(context.Context) (*local.Folder, error) `json:"-"`
	// Asked says where packages are asked for, for errors of the solver.
	Asked []Asked `json:"-"`

	Alpine    Alpine
	Platforms []Platform // in the order of the image index, without repeats
	Packages  []apk.Dependency
	Runtimes  []Runtime
	Allocator Allocator
	Python    Python   `json:",omitzero"`
	Files     []Files  `json:",omitempty"`
	Dirs      []Dir    `json:",omitempty"`
	Accounts  Accounts `json:",omitzero"`
	Bytecode  string   `json:",omitempty"` // unchecked, checked or none, see [BytecodeModes]; "" is none
	Exclude   []string `json:",omitempty"` // globs over paths of packages, as they lie in the image; "!" before one takes back
	Image     Image
	Layers    Layers
}

// Asked is where one package is asked for: FILE:LINE:COLUMN of a spec, or the flag that names it.
type Asked struct{ Name, At string }

// Alpine says where packages come from and who signs them.
type Alpine struct {
	Branch       string   // such as v3.24 or edge
	Mirrors      []string // base URLs or directories, tried in turn
	Repositories []string // names on the mirrors, URLs or directories; "@TAG " before one pins it
	Keys         []string // key files, or folders of *.pub
	Dialect      int      // 2 or 3; 0: by the branch
}

// Runtime is a tarball or a part of an image that becomes a layer, or Alpine's own Python.
type Runtime struct {
	Python  string              // version; stands for {version} in Source
	Source  string              // URL or file with {version}, {alpine_arch}, {oci_arch}, {triple}; or "image:REF", "standalone:VERSION[@TAG]", "apk"
	Sources map[Platform]string `json:",omitempty"` // instead of Source: one for each platform
	Mirror  string              `json:",omitempty"` // of python-build-standalone's releases; "" is GitHub
	Paths   []string            `json:",omitempty"` // what to take of an image, without leading slashes; none: usr/local
	SHA256  map[Platform]string // hex; the zero Platform stands for all
	Prefix  string              // where the tarball's own prefix lands; "" leaves a rooted tarball as it is
	Exclude []string            // globs over paths in the image
	Owner   *Owner              // nil: as the tarball says
	Require []string            `json:",omitempty"` // what it must be, see docs/RUNTIMES.md
}

// Owner is a numeric owner of files.
type Owner struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// Allocator says which malloc the image's programs use.
type Allocator struct {
	Name     string            // jemalloc, mimalloc, none; "" with Preload
	Use      string            `json:",omitempty"` // of mimalloc: python, its own copy (also ""), or preload, the library
	From     string            `json:",omitempty"` // of a library: runtime or apk; "": a runtime that has it, else Alpine's package
	Insecure bool              `json:",omitempty"` // of mimalloc's library: the build without its checks
	Conf     map[string]string `json:",omitempty"` // of jemalloc: options of MALLOC_CONF, instead of the defaults where the names are equal
	Preload  string            // path of a library in the image
	Env      map[string]string // set in the image, instead of the allocator's defaults where the names are equal
}

// Image is the configuration of the image; see the OCI image-spec, config.md.
type Image struct {
	Entrypoint, Cmd     []string
	Env                 map[string]string
	User, Workdir       string
	Labels, Annotations map[string]string
	Ports, Volumes      []string
	StopSignal          string
}

// Layers says how layers are cut.
type Layers struct {
	Strategy    string // auto: merge only what exceeds Max; package: never merge; single: one layer for all packages
	Max         int    // at most so many layers; 0: DefaultMaxLayers
	Compression string // gzip or zstd, and other layers are transcoded; "": whatever a layer has already
	Level       int    `json:",omitempty"` // of the layers that are made, see layers.CheckLevel; 0: the compression's default
}

// DefaultMaxLayers stays well under what runtimes can mount: overlay2 fails near 127 layers, containerd has failed at
// about 70.
const DefaultMaxLayers = 60

// BytecodeModes are which .pyc files are made of an image's modules: those whose source Python never looks at, those whose source
// it compares at each import, and none.
func BytecodeModes() []string { return []string{"unchecked", "checked", "none"} }

// SetBytecode sets the mode by its name. Who says it insists on it.
func (s *Spec) SetBytecode(mode string) error {
	if !slices.Contains(BytecodeModes(), mode) {
		return fmt.Errorf("expected one of %s, found %q", strings.Join(BytecodeModes(), ", "), mode)
	}
	s.Bytecode, s.Lenient = mode, false
	return nil
}

// Digest names what the spec says, whatever file it stands in and however its YAML is written. The platforms are left
// out: what is made for one does not depend on the others.
func (s Spec) Digest() string {
	s.Platforms = nil
	b, err := json.Marshal(s)
	if err != nil {
		panic("assemble: encoding spec: " + err.Error()) // plain structs, maps and strings
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Check refuses words that the fields do not know, for a value that was not read by Parse.
func (l Layers) Check() error {
	if !slices.Contains([]string{"auto", "package", "single"}, l.Strategy) {
		return fmt.Errorf("layer strategy %q: expected auto, package or single", l.Strategy)
	}
	if !slices.Contains([]string{"", "gzip", "zstd"}, l.Compression) {
		return fmt.Errorf("compression %q: expected gzip or zstd", l.Compression)
	}
	return layers.CheckLevel(l.Compression, l.Level)
}

// SetCompression takes "gzip" or "zstd", with a level after a colon where it is not to be the default.
func (l *Layers) SetCompression(text string) (err error) {
	name, level, found := strings.Cut(text, ":")
	l.Compression, l.Level = name, 0
	if found {
		if l.Level, err = strconv.Atoi(level); err != nil || l.Level < 1 {
			return fmt.Errorf("compression %q: %q is no level; expected a number, as in zstd:19", text, level)
		}
	}
	return l.Check()
}

// MakeOptions is how layers are made.
func (l Layers) MakeOptions() layers.MakeOptions {
	return layers.MakeOptions{Compression: l.Compression, Level: l.Level}
}

// Python says which Python packages the image gets, and where their wheels are. See docs/PYTHON.md.
type Python struct {
	Lock         string              `json:",omitempty"` // pylock.toml (PEP 751) or uv.lock
	Locks        map[Platform]string `json:",omitempty"` // instead of Lock: one for each platform
	Requirements []string            `json:",omitempty"` // requirements files, as pip reads them
	Extras       []string            `json:",omitempty"` // of the lock
	Groups       []string            // dependency groups of the lock; nil: its default groups
	NoDeps       bool                `json:",omitempty"` // the requirements need not name every dependency
	Wheels       []string            `json:",omitempty"` // folders and index URLs, asked in turn; a .whl file is installed itself
	Target       string              `json:",omitempty"` // another folder than the runtime's site-packages
}
