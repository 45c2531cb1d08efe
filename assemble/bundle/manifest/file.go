package manifest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Kind says what a file of a bundle is.
type Kind string

// The kinds.
const (
	Index   Kind = "index"   // APKINDEX.tar.gz, as Alpine signed it
	Package Kind = "package" // .apk, as Alpine signed it
	Key     Kind = "key"
	Runtime Kind = "runtime"
	Spec    Kind = "spec"
	Lock    Kind = "lock"
	Files   Kind = "files" // a tar of what a spec takes of its folder
	Image   Kind = "image" // a file of the OCI layout of base images
	Wheel   Kind = "wheel"
	Layer   Kind = "layer"  // of an image, as it is: bytecode, which not every machine can make
	Python  Kind = "python" // a lock or requirements file of Python packages
	Sdist   Kind = "sdist"  // a source archive of a Python package
	Build   Kind = "build"  // wheels.yaml, what it reads, and the list of what its builds need
)

// kinds are all of them. Their order is not part of the format.
func kinds() []Kind {
	return []Kind{Index, Package, Key, Runtime, Spec, Lock, Files, Image, Wheel, Python, Layer, Sdist, Build}
}

// File is one file.
type File struct {
	Path     string   `json:"path"` // slashes, relative
	Kind     Kind     `json:"kind"`
	Size     int64    `json:"size"`
	SHA256   string   `json:"sha256"`             // hex
	From     []string `json:"from,omitempty"`     // URLs that it stands for, or paths as the spec names them
	Checksum string   `json:"checksum,omitempty"` // of a package, as its index has it
	Unlisted bool     `json:"unlisted,omitempty"` // a package that the lock names and its index no more
	InBase   bool     `json:"inBase,omitempty"`   // held by the base, not by the delta
}

// Name is the last element of the file's path.
func (f File) Name() string { return path.Base(f.Path) }

// check sees to it that the file's path stays below the bundle's folder, on every system.
func (f File) check() error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`\:*?"<>|`, r) }
	switch {
	case !fs.ValidPath(f.Path), f.Path == ".", len(f.Path) > maxPath, strings.ContainsFunc(f.Path, odd), strings.HasPrefix(f.Path, "."):
		return fmt.Errorf("%q is no path of a bundle", f.Path)
	case f.Path == Name:
		return fmt.Errorf("%q cannot list itself", f.Path)
	case f.Size < 0 || f.Size > MaxSize:
		return fmt.Errorf("%q has a size of %d bytes", f.Path, f.Size)
	case len(f.SHA256) != 2*sha256.Size || strings.Trim(f.SHA256, "0123456789abcdef") != "":
		return fmt.Errorf("%q: %q is no SHA-256 in hex", f.Path, f.SHA256)
	case !slices.Contains(kinds(), f.Kind):
		return fmt.Errorf("%q is of unknown kind %q", f.Path, f.Kind)
	case !f.inPlace():
		return fmt.Errorf("%q is no place for a file of kind %q", f.Path, f.Kind)
	}
	return nil
}

// inPlace reports whether the file is in the folder for its kind: how it is verified depends on both.
func (f File) inPlace() bool {
	dir, name := path.Split(f.Path)
	switch f.Kind {
	case Index:
		return strings.HasPrefix(dir, AlpineDir) && name == IndexName
	case Package:
		return strings.HasPrefix(dir, AlpineDir) && strings.HasSuffix(name, ".apk")
	case Key:
		return dir == keysDir
	case Runtime:
		return dir == runtimesDir
	case Spec:
		return f.Path == SpecPath(strings.TrimSuffix(name, ".yaml"))
	case Lock:
		return f.Path == LockPath(strings.TrimSuffix(name, ".lock"))
	case Files:
		return f.Path == FilesPath(strings.TrimSuffix(name, ".tar"))
	case Image:
		return dir == BlobsDir || f.Path == LayoutIndex || f.Path == LayoutFile
	case Wheel:
		return strings.HasSuffix(name, ".whl") && (f.Path == WheelPath(name) || f.Path == OtherWheelPath(name, f.SHA256))
	case Layer:
		return f.Path == LayerPath(f.SHA256)
	case Python:
		return path.Dir(path.Dir(f.Path))+"/" == pythonDir
	case Sdist:
		return f.Path == SdistPath(name, f.SHA256)
	case Build:
		return f.Path == ConfigPath || f.Path == SupplyPath || f.Path == BuildInputPath(name[min(len(name), len(shortSum(f.SHA256))+1):], f.SHA256)
	}
	return false
}
