package spec

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// Spec says what an image is made of. See docs/SPEC.md for each field.
type Spec struct {
	// Name is the file that the spec was read from, for errors. Relative paths in the spec start from Dir.
	Name, Dir string `json:"-"`
	// Lenient turns the error that this machine cannot make bytecode into a warning: the embedded spec asks for it, not the user.
	Lenient bool `json:"-"`
	// Asked says where packages are asked for, for errors of the solver.
	Asked []Asked `json:"-"`
	// Push are references to push the image to, when somebody asks for that. They are no part of the digest: the image does not
	// depend on them. {name} in them stands for the image's name.
	Push []string `json:"-"`

	Base      Base `json:",omitzero"`
	Alpine    Alpine
	Platforms []Platform // in the order of the image index, without repeats
	Packages  []apk.Dependency
	Runtimes  []Runtime
	Allocator Allocator
	Python    Python  `json:",omitzero"`
	Files     []Files `json:",omitempty"`
	Dirs      []Dir   `json:",omitempty"`
	Paths     []Path  `json:",omitempty"` // owners and modes of what the parts bring, and symlinks
	// Certificates are files of certificates that the image trusts, below the spec's folder.
	Certificates []string `json:",omitempty"`
	Accounts     Accounts `json:",omitzero"`
	Bytecode     string   `json:",omitempty"` // unchecked, checked or none, see [BytecodeModes]; "" is none
	SBOM         []string `json:",omitempty"` // bills of materials in the image, see sbom.Encodings
	Exclude      []string `json:",omitempty"` // globs over paths of packages in the image; "!" before one includes paths again
	Image        Image
	Layers       Layers
}

// Base is the image that this one is built on; the zero value is none.
type Base struct {
	Source  string              `json:",omitempty"` // "image:REF" or "oci:DIR[:TAG]"
	Sources map[Platform]string `json:",omitempty"` // instead of Source: one for each platform
	Upgrade bool                `json:",omitempty"` // packages of the base may be upgraded and removed
	// RequireSignature are files of public keys by one of which the base must be signed; none: no signature is asked for.
	RequireSignature []string `json:",omitempty"`
}

// Asked says where a package was asked for: FILE:LINE:COLUMN of a spec, or the flag that names it.
type Asked struct{ Name, At string }

// Alpine says where packages come from and who signs them.
type Alpine struct {
	Branch       string   // such as v3.24 or edge; "" on a base: that of the base
	Mirrors      []string // base URLs or directories, tried in turn
	Repositories []string // names on the mirrors, URLs or directories; "@TAG " before one pins it
	Keys         []string // key files, or folders of *.pub
	Dialect      int      // 2 or 3; 0: follows the branch
}

// Runtime is a tarball or a part of an image that becomes a layer, or Alpine's own Python.
type Runtime struct {
	Python  string              // the version that replaces {version} in Source
	Source  string              // URL or file with {version}, {alpine_arch}, {oci_arch}, {triple}; or "image:REF", "standalone:VERSION[@TAG]", "apk"
	Sources map[Platform]string `json:",omitempty"` // instead of Source: one for each platform
	Mirror  string              `json:",omitempty"` // of python-build-standalone's releases; "" is GitHub
	Paths   []string            `json:",omitempty"` // what to take of an image, without leading slashes; none: usr/local
	SHA256  map[Platform]string // hex; the zero Platform is for all
	Prefix  string              // replaces the tarball's own prefix in the image; "" leaves a rooted tarball as it is
	Exclude []string            // globs over paths in the image
	Owner   *Owner              // nil: as the tarball says
	Require []string            `json:",omitempty"` // properties that it must have, see docs/RUNTIMES.md
	// RequireSignature are files of public keys by one of which an image must be signed; none: no signature is asked for.
	RequireSignature []string `json:",omitempty"`
}

// Owner is a numeric owner of files.
type Owner struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// Allocator says which malloc the image's programs use.
type Allocator struct {
	Name     string            // jemalloc, mimalloc, none; "" with Preload
	Use      string            `json:",omitempty"` // for mimalloc: python, Python's own copy (also ""), or preload, the library
	From     string            `json:",omitempty"` // for a library: runtime or apk; "": a runtime that has it, or else Alpine's package
	Insecure bool              `json:",omitempty"` // for mimalloc's library: the build without security checks
	Conf     map[string]string `json:",omitempty"` // for jemalloc: options of MALLOC_CONF; they override defaults of the same name
	Preload  string            // path of a library in the image
	Env      map[string]string // variables of the image; they override the allocator's defaults of the same name
}

// Image is the configuration of the image; see the OCI image-spec, config.md.
type Image struct {
	Entrypoint, Cmd     []string
	Env                 map[string]string
	User, Workdir       string
	Labels, Annotations map[string]string
	Ports, Volumes      []string
	StopSignal          string
	Healthcheck         *Healthcheck `json:",omitempty"` // nil: that of the base
}

// Layers says how layers are cut.
type Layers struct {
	Strategy    string // auto: merge only what exceeds Max; package: never merge; single: one layer for all packages
	Max         int    // at most so many layers; 0: DefaultMaxLayers
	Compression string // gzip or zstd, and other layers are transcoded; "": whatever a layer has already
	Level       int    `json:",omitempty"` // of the layers that are made: 1 to 9 for gzip, 1 to 22 for zstd; 0: the compression's default
}

// DefaultMaxLayers stays well under what runtimes can mount: overlay2 fails near 127 layers, containerd has failed at
// about 70.
const DefaultMaxLayers = 60

// BytecodeModes are the values of Spec.Bytecode. With unchecked bytecode Python never looks at a module's source, with checked
// bytecode it compares the source at each import.
func BytecodeModes() []string { return []string{"unchecked", "checked", "none"} }

// SetBytecode sets the mode that the user asks for, so the spec is not Lenient any more.
func (s *Spec) SetBytecode(mode string) error {
	if !slices.Contains(BytecodeModes(), mode) {
		return fmt.Errorf("expected one of %s, found %q", strings.Join(BytecodeModes(), ", "), mode)
	}
	s.Bytecode, s.Lenient = mode, false
	return nil
}

// Digest is the digest of the spec's values. It does not depend on the file's name or on how its YAML is written. The platforms
// are left out, because the image of one platform does not depend on the others.
func (s Spec) Digest() string {
	s.Platforms = nil
	b, err := json.Marshal(s)
	if err != nil {
		panic("assemble: encoding spec: " + err.Error()) // plain structs, maps and strings
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Check refuses unknown values of the fields. It is for callers that do not use Parse.
func (l Layers) Check() error {
	if !slices.Contains([]string{"auto", "package", "single"}, l.Strategy) {
		return fmt.Errorf("layer strategy %q: expected auto, package or single", l.Strategy)
	}
	if !slices.Contains([]string{"", "gzip", "zstd"}, l.Compression) {
		return fmt.Errorf("compression %q: expected gzip or zstd", l.Compression)
	}
	return l.checkLevel()
}

// The highest levels of the compressions.
const (
	maxGzipLevel = 9
	maxZstdLevel = 22
)

// checkLevel refuses a level that the compression does not have. Made layers are gzip unless the spec says otherwise.
func (l Layers) checkLevel() error {
	name, most := "gzip", maxGzipLevel
	if l.Compression == "zstd" {
		name, most = "zstd", maxZstdLevel
	}
	if l.Level < 0 || l.Level > most {
		return fmt.Errorf("%s level %d: want 1 to %d", name, l.Level, most)
	}
	return nil
}

// SetCompression accepts "gzip" or "zstd", optionally with a level: "zstd:19".
func (l *Layers) SetCompression(text string) (err error) {
	name, level, found := strings.Cut(text, ":")
	l.Compression, l.Level = name, 0
	if found {
		if l.Level, err = strconv.Atoi(level); err != nil || l.Level < 1 {
			return fmt.Errorf("compression %q: expected a number as the level, such as zstd:19, found %q", text, level)
		}
	}
	return l.Check()
}

// Mirrors are the servers that have one index of wheels. The first URL stands for them in Python.Wheels.
type Mirrors struct {
	URLs []string
	Key  string `json:",omitempty"` // file of the public key that signed the index's manifest; "" asks for no signature
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
	Mirrors      []Mirrors           `json:",omitempty"` // of indexes in Wheels
	Target       string              `json:",omitempty"` // another folder than the runtime's site-packages
}
