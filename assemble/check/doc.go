// Package check tells whether a container of an image could start, without running anything. It looks at the root that
// the layers make, at the image's configuration and at the machine that it is for. Nothing is added or mended here.
//
// The rules are those of what would run: musl's loader (ldso/dynlink.c) or glibc's (ld.so(8)), whichever a program names
// itself; execve(2) and execvp(3) for commands; image-spec for layers. docs/VERIFY.md lists the checks.
package check

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/layers/tree"
)

// Severity says how bad a finding is.
type Severity int

const (
	// Error is what keeps the image, or a program or library in it, from working.
	Error Severity = iota
	// Warning is what works here and may not elsewhere, or is hardly meant.
	Warning
	// Note is what a person may want to know.
	Note
)

// String is the severity in lower case.
func (s Severity) String() string { return [...]string{"error", "warning", "note"}[s] }

// MarshalText is String, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(b []byte) error {
	for _, is := range []Severity{Error, Warning, Note} {
		if is.String() == string(b) {
			*s = is
			return nil
		}
	}
	return fmt.Errorf("severity %q: expected error, warning or note", b)
}

// Finding is something in which an image is not sound.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`             // a stable name, see docs/VERIFY.md
	Path     string   `json:"path,omitempty"`    // in the image, absolute; "" where it is about the configuration
	Layer    string   `json:"layer,omitempty"`   // the layer that the path is from
	Package  string   `json:"package,omitempty"` // the package that owns the path, as name-version
	Msg      string   `json:"message"`           // what is wrong
	Fix      string   `json:"fix,omitempty"`     // what to do
}

// String is what is wrong and what to do.
func (f Finding) String() string {
	if f.Fix == "" {
		return f.Msg
	}
	return f.Msg + "; " + f.Fix
}

// Image is one platform of an image.
type Image struct {
	Platform string      // as OCI writes it, such as linux/arm64
	Machine  elf.Machine // EM_NONE where the platform's is not known: files of all machines will do then
	Bits     int         // of a pointer
	Config   v1.Config
	Tree     *tree.Tree
	Oddities []tree.Oddity // of a tree of NewImage
	// Own tells of a layer whether pyimg made it: it makes none that deletes or hides files of others. nil: none.
	Own func(layer int) bool
}

// Check returns all that is not sound, the worst first, then by path.
func Check(im Image) []Finding {
	c := &checker{Image: im, followed: map[string]bool{}}
	c.survey()
	c.layering()
	c.owners()
	c.accounts()
	c.command()
	c.directories()
	c.links()
	c.modes()
	c.preload()
	c.closure()
	c.python()
	c.scripts()
	c.settings()
	c.attribute()
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), strings.Compare(a.Path, b.Path), strings.Compare(a.Check, b.Check))
	})
	return c.findings
}

// A checker is one run of Check.
type checker struct {
	Image
	nodes                []tree.Node // by path
	objects              map[string]*object
	opened               map[string]*object // by any path at which one was looked for; nil where there is none
	musl                 bool               // the image's C library is musl
	paths                []string           // PATH's folders
	pathDirs, systemDirs map[string]bool    // these and those where the image's loader looks for libraries
	packages             []root.InstalledPackage
	user                 account
	libraries            []stdlib        // filled in on demand
	started              *pythonRun      // what the container's command starts, where that is a Python
	followed             map[string]bool // scripts that the container's command leads to
	runs                 tree.Node       // the program that the container's command leads to, if that was found
	findings             []Finding
	byName               map[string][]string // paths of libraries, by their last part; filled in on demand
}

// find notes a finding. fix is what to do, or "".
func (c *checker) find(s Severity, check, at, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{Severity: s, Check: check, Path: at, Msg: fmt.Sprintf(format, args...), Fix: fix})
}

// survey learns what the other checks go by.
func (c *checker) survey() {
	c.nodes = slices.AppendSeq(make([]tree.Node, 0, c.Tree.Len()), c.Tree.All())
	c.objects, c.opened = map[string]*object{}, map[string]*object{}
	glibc, musl := false, false
	for _, n := range c.nodes {
		if f := n.Entry.ELF; f != nil {
			c.objects[n.Path] = &object{ELF: f, at: n.Path, executable: n.Entry.Header.Mode&0o111 != 0}
		}
		if dir, base := path.Split(n.Path); strings.HasPrefix(dir, "lib") || strings.HasPrefix(dir, "usr/lib") {
			musl = musl || strings.HasPrefix(base, "ld-musl-")
			glibc = glibc || strings.HasPrefix(base, "ld-linux") || strings.HasPrefix(base, "ld64.so.")
		}
	}
	c.musl = musl || !glibc
	c.paths = c.searchPath()
	c.pathDirs, c.systemDirs = c.places(c.paths), c.places(c.rules("").system)
	c.user = c.readUser(c.Config.User)
}

// env is a variable of the configuration.
func (c *checker) env(name string) string {
	value, _ := lookupEnv(c.Config.Env, name)
	return value
}

// lookupEnv is a variable of an environment, and whether it is set; the last one counts.
func lookupEnv(env []string, name string) (string, bool) {
	for _, e := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// searchPath are the folders of PATH, as they lie in the image. An empty PATH has none: container runtimes look nothing up.
func (c *checker) searchPath() []string {
	const usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // what container runtimes set
	value, set := lookupEnv(c.Config.Env, "PATH")
	if !set {
		value = usual
	}
	return folders(c.Config.WorkingDir, value)
}

// maxFolders bounds lists such as PATH. Linux takes variables of 128 KiB, and each file is looked for in each folder.
const maxFolders = 256

// folders are those of a list with colons, for what starts in dir.
func folders(dir, list string) []string {
	if list == "" {
		return nil
	}
	var dirs []string
	for name := range strings.SplitSeq(list, ":") {
		if len(dirs) < maxFolders {
			dirs = append(dirs, from(dir, name))
		}
	}
	return dirs
}

// from is a path as what starts in dir sees it.
func from(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/", dir, name)
}

// inPath reports whether the file is one that PATH finds.
func (c *checker) inPath(at string) bool { return c.pathDirs[path.Dir("/"+at)] }

// inSystem reports whether the file is one that the loader finds by its name alone.
func (c *checker) inSystem(at string) bool { return c.systemDirs[path.Dir("/"+at)] }

// places are folders as they are named and as they lie in the image.
func (c *checker) places(dirs []string) map[string]bool {
	set := map[string]bool{}
	for _, dir := range dirs {
		set[path.Clean(dir)] = true
		if n, err := c.Tree.Lookup(dir); err == nil {
			set["/"+n.Path] = true
		}
	}
	return set
}

// isExtension reports whether the file is a module that Python imports.
func isExtension(at string) bool {
	return strings.HasSuffix(at, ".so") && (strings.Contains(at, "/lib-dynload/") ||
		strings.Contains(at, "-packages/") && (strings.Contains(at, ".cpython-") || strings.HasSuffix(at, ".abi3.so"))) // site-packages, dist-packages
}

// isMaterial reports whether the file lies where files are tested with, burnt into devices or handed on, and so is not
// meant to be run here.
func isMaterial(at string) bool {
	for part := range strings.SplitSeq(path.Dir(at), "/") {
		switch part {
		case "test", "tests", "testdata", "testing", "firmware", "boot", "share", "src":
			return true
		}
	}
	return false
}

// attribute says whose the findings' paths are.
func (c *checker) attribute() {
	var owner map[string]string
	for i, f := range c.findings {
		if f.Path == "" {
			continue
		}
		at := strings.TrimPrefix(f.Path, "/")
		if n, err := c.Tree.Lstat(at); err == nil {
			at = n.Path
			if f.Layer == "" && !n.Implied {
				c.findings[i].Layer = c.Tree.LayerName(n.Layer)
			}
		}
		if owner == nil {
			owner = Owners(c.packages)
		}
		c.findings[i].Package = owner[at]
	}
}

// Owners maps paths, without a leading slash, to the packages that own them, as name-version.
func Owners(packages []root.InstalledPackage) map[string]string {
	owner := map[string]string{}
	for _, p := range packages {
		for _, at := range p.Paths {
			owner[at] = p.Name + "-" + p.Version
		}
	}
	return owner
}

// Installed reads apk's database out of a root; nil where it has none.
func Installed(t *tree.Tree) ([]root.InstalledPackage, error) {
	for _, at := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		if n, err := t.Lookup(at); err == nil && n.Entry.Kept != nil {
			return root.ReadInstalled(bytes.NewReader(n.Entry.Kept))
		}
	}
	return nil, nil
}
