package check

import (
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/layers/tree"
)

// Image is one platform of an image.
type Image struct {
	Platform string      // as OCI writes it, such as linux/arm64
	Machine  elf.Machine // EM_NONE if the platform's machine is not known: files for any machine are then accepted
	Bits     int         // of a pointer
	Config   v1.Config
	Tree     *tree.Tree
	Oddities []tree.Oddity // from tree.NewImage
	// Own reports whether pyimg made a layer: such a layer must not delete or hide files of others. nil: pyimg made none.
	Own func(layer int) bool
}

// facts are what is known of an image before the checks. The checks change nothing in it.
type facts struct {
	Image
	*loader.Root
	paths                []string        // PATH's folders
	pathDirs, systemDirs map[string]bool // PATH's folders, and those in which the image's loader searches libraries
	packages             []root.InstalledPackage
	packagesErr          error // why apk's database cannot be read
	user                 account
	libraries            []stdlib            // by path
	byName               map[string][]string // paths of shared libraries, by their last part
}

// env returns a variable of the configuration, or "".
func (c *facts) env(name string) string {
	value, _ := lookupEnv(c.Config.Env, name)
	return value
}

// lookupEnv returns a variable of an environment and whether it is set; the last one counts.
func lookupEnv(env []string, name string) (string, bool) {
	for _, e := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// maxFolders bounds lists such as PATH: Linux accepts variables of 128 KiB, and each file is looked up in each folder.
const maxFolders = 256

// folders splits a list with colons into absolute folders; relative ones start from dir.
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

// from makes a path absolute; a relative one starts from dir.
func from(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/", dir, name)
}

// inPath reports whether the file is in a folder of PATH.
func (c *facts) inPath(at string) bool { return c.pathDirs[path.Dir("/"+at)] }

// inSystem reports whether the file is in a folder that the loader searches by default.
func (c *facts) inSystem(at string) bool { return c.systemDirs[path.Dir("/"+at)] }

// places is the set of the folders as they are named, and of the folders that their symlinks lead to.
func (c *facts) places(dirs []string) map[string]bool {
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

// isMaterial reports whether the file is in a folder of test data, firmware, sources or shared data: such files are not meant
// to run in this image.
func isMaterial(at string) bool {
	for part := range strings.SplitSeq(path.Dir(at), "/") {
		switch part {
		case "test", "tests", "testdata", "testing", "firmware", "boot", "share", "src":
			return true
		}
	}
	return false
}

// fits reports whether the object is for the image's machine.
func (c *facts) fits(o *loader.Object) bool {
	return c.Machine == elf.EM_NONE || o.Machine == c.Machine && o.Class == c.Bits
}

// A checker is one run of Check: the facts, and what the checks have found so far.
type checker struct {
	facts
	findings []Finding
}

// find adds a finding. fix says what to do; it may be "".
func (c *checker) find(s Severity, check, at, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{Severity: s, Check: check, Path: at, Msg: fmt.Sprintf(format, args...), Fix: fix})
}

// An account is the user that a container runs as.
type account struct {
	uid    int
	groups []int
	name   string // "" for a number that /etc/passwd does not have
	home   string
	known  bool // uid is the user that the configuration names
}

// A pythonVersion is a version, and whether it is a build without the global lock.
type pythonVersion struct {
	major, minor int
	free         bool
}

// A stdlib is a standard library of the image.
type stdlib struct {
	version pythonVersion
	dir     string // usr/local/lib/python3.13
	soabi   string // from its _sysconfigdata; "" if unknown
}
