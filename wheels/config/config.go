package config

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/regular"
)

// Config is a wheels.yaml.
type Config struct {
	Name string // of the file, for messages
	Dir  string // relative paths start here

	Pythons   []spec.Runtime
	Platforms []spec.Platform
	Wanted    Wanted
	Sources   []string       // folders, and indexes by URL or in a registry; the first that has a project is the one that counts
	Mirrors   []spec.Mirrors // of indexes in Sources
	Index     string         // a folder, or oci:HOST/REPOSITORY:TAG
	Key       string         // file of the private key that signs the index, or env://NAME; "" signs nothing
	Prebuilt  string         // Use or Build
	Builder   Builder
	Packages  map[string]*Package // by normalised name
	Limits    Limits

	Texts Texts // nil: files of this machine
}

// MaxSize bounds a wheels.yaml, which people write, in bytes.
const MaxSize = 1 << 20

// Texts reads the requirements files, locks and patches of a configuration that is not a file of this machine, by their names in it.
type Texts interface {
	Read(name string, most int64) ([]byte, error)
}

// What to do with a package of which an index already has a wheel that fits.
const (
	Use   = "use"   // leave it to that index
	Build = "build" // compile it all the same
)

// Wanted is which packages the index is to have.
type Wanted struct {
	Requirements []string // files as pip reads them; ranges are allowed
	Locks        []string // pylock.toml or uv.lock
	Packages     []string // requirements such as "tornado>=6.4"
	Sdists       []string // folders: the newest sdist of each project in them
}

// Builder is the root that compiles.
type Builder struct {
	Alpine   spec.Alpine
	Packages []apk.Dependency
	Image    string // instead of packages: an image in a registry or a layout
	Folder   string // instead of packages: a root that is unpacked
	Mounts   []Mount
	Env      map[string]string // {machine}, {alpine_arch} and {triplet} are those of the platform that is compiled for
}

// Mount shows a file or folder of this machine to the builder, read-only.
type Mount struct{ Host, Path string }

// Package is what one package needs in addition, or why it is left out.
type Package struct {
	Packages  []apk.Dependency  // of Alpine, in the builder
	Env       map[string]string // with {machine} and the like, as that of the builder
	Settings  map[string]string // config_settings of PEP 517, likewise
	Patches   []string          // files in the format of diff -u
	Requires  []string          // build requirements that its pyproject.toml forgets
	Skip      string            // the reason
	Platforms []spec.Platform   // only these; none: all
}

// Limits end a build that takes too much. The zero value is no limit but the defaults.
type Limits struct {
	Time   time.Duration // of one build
	Memory int64         // of one build, in bytes, with what it writes; 0: a share of the machine's
	Jobs   int           // builds at once; 0: as many as processors and memory allow
	Tries  int           // of a build that fails; at least 1
}

// The default of limits.time: the longest builds of the public index take some hours, most take a minute.
const defaultTime = 2 * time.Hour

// Read reads a wheels.yaml. The error has all faults, see strictyaml.Error.
func Read(name string) (Config, error) {
	data, err := regular.Read(name, MaxSize)
	if err != nil {
		return Config{}, exit.WrongUse(fmt.Errorf("reading what wheels to build: %w", err))
	}
	c, err := Parse(name, data)
	c.Dir = filepath.Dir(name)
	return c, err
}

// Path is a path of the configuration, ready to be opened; URLs and references stay.
func (c Config) Path(p string) string {
	if spec.IsURL(p) || registryurl.IsReference(p) || filepath.IsAbs(p) || c.Dir == "" {
		return p
	}
	return filepath.Join(c.Dir, filepath.FromSlash(p))
}

// ReadFile reads a requirements file, a lock or a patch by its name in the configuration; most bounds it in bytes.
func (c Config) ReadFile(name string, most int64) ([]byte, error) {
	if c.Texts != nil {
		return c.Texts.Read(name, most)
	}
	return regular.Read(c.Path(name), most)
}

// Spec is the spec of a root with one of the Pythons and the packages, for a platform.
func (c Config) Spec(python spec.Runtime, platform spec.Platform, packages []apk.Dependency) spec.Spec {
	return spec.Spec{Name: c.Name, Dir: c.Dir, Alpine: c.Builder.Alpine, Platforms: []spec.Platform{platform}, Packages: packages,
		Runtimes: []spec.Runtime{python}, Bytecode: "none", Layers: spec.Layers{Strategy: "auto", Max: spec.DefaultMaxLayers}}
}

// For reports what the file says of a package.
func (c Config) For(project string) Package {
	if p := c.Packages[project]; p != nil {
		return *p
	}
	return Package{}
}
