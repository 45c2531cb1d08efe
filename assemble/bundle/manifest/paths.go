package manifest

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/spec"
)

// Where a bundle has its OCI layout, see the OCI image-spec, image-layout.md.
const (
	LayoutDir   = "images"
	LayoutIndex = LayoutDir + "/index.json"
	LayoutFile  = LayoutDir + "/oci-layout"
	LayoutText  = `{"imageLayoutVersion":"1.0.0"}` // what LayoutFile holds
	BlobsDir    = LayoutDir + "/blobs/sha256/"

	RefName = "org.opencontainers.image.ref.name" // the annotation in LayoutIndex that names an image
)

// Where the other files are, by kind. See also LockPath, SpecPath, FilesPath, KeyPath, RuntimePath,
// WheelPath, PythonPath and LayerPath.
const (
	AlpineDir = "alpine/"         // the repositories, see RepositoryDirs
	IndexName = "APKINDEX.tar.gz" // of an index, in the folder of a repository's architecture

	WheelsDir = "wheels/" // see WheelPath; tools for Python take it as it is, as a folder of wheels

	ConfigPath = buildsDir + "wheels.yaml" // which wheels are to be built
	SupplyPath = buildsDir + "supply.json" // what their builds need, see package supply

	buildsDir   = "builds/"
	inputsDir   = buildsDir + "inputs/"
	sdistsDir   = "sdists/"
	keysDir     = "keys/"
	pythonDir   = "python/"
	layersDir   = "layers/"
	runtimesDir = "runtimes/"
	filesDir    = "files"
)

// LockPath is where a bundle has the lock of an image.
func LockPath(name string) string { return name + ".lock" }

// SpecPath is where a bundle has the spec of an image.
func SpecPath(name string) string { return name + ".yaml" }

// FilesPath is where a bundle has the files that an image's spec takes of its folder: a tar, see Lock.PackFiles in package
// assemble.
func FilesPath(name string) string { return filesDir + "/" + name + ".tar" }

// WheelPath is where a bundle has a wheel of this file name.
func WheelPath(name string) string { return WheelsDir + name }

// OtherWheelPath is where it has one with this SHA-256 in hex, where WheelPath is another wheel's of the same name.
func OtherWheelPath(name, sum string) string { return WheelsDir + sum[:12] + "/" + name }

// SdistPath is where it has a source archive of this file name with this SHA-256 in hex.
func SdistPath(name, sum string) string { return sdistsDir + shortSum(sum) + "/" + name }

// BuildInputPath is where it has what wheels.yaml calls by this name: a file, or the tar of a folder, with this SHA-256 in hex.
func BuildInputPath(name, sum string) string {
	return inputsDir + shortSum(sum) + "-" + safeName(path.Base(filepath.ToSlash(name)))
}

// shortSum is the part of a SHA-256 in hex that tells files of one name apart.
func shortSum(sum string) string { return sum[:min(len(sum), 12)] }

// LayerPath is where a bundle has a layer with this SHA-256 in hex.
func LayerPath(sum string) string { return layersDir + sum }

// PythonPath is where a bundle has the lock or requirements file that an image's spec calls by this name, and whose SHA-256 in hex
// is sum.
func PythonPath(image, name, sum string) string {
	return pythonDir + image + "/" + sum[:12] + "-" + safeName(path.Base(filepath.ToSlash(name)))
}

// KeyPath is where a bundle has a key of this name.
func KeyPath(name string) string {
	parts := strings.Split(name, "@") // Alpine's keys have one
	for i := range parts {
		parts[i] = safeName(parts[i])
	}
	return keysDir + strings.Join(parts, "@")
}

// KeyText is the form in which a bundle has a key.
func KeyText(public any) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// RuntimePath is where a bundle has the tarball of a runtime that comes from a URL or path, and has this SHA-256 in hex.
func RuntimePath(location, sum string) string {
	return runtimesDir + sum[:12] + "-" + safeName(path.Base(pathOf(location)))
}

// RepositoryDirs are the folders of repositories that come from these URLs or paths: Alpine's own BRANCH/NAME where one ends
// so, else its last element.
func RepositoryDirs(locations []string) []string {
	branch := regexp.MustCompile(`^(v\d+\.\d+|edge)$`)
	out := make([]string, len(locations))
	for i, location := range locations {
		elements := strings.Split(strings.TrimRight(filepath.ToSlash(pathOf(location)), "/"), "/")
		tail := elements[max(len(elements)-2, 0):]
		if len(tail) == 2 && !branch.MatchString(tail[0]) {
			tail = tail[1:]
		}
		for j, e := range tail {
			tail[j] = cmp.Or(safeName(e), "repository")
		}
		out[i] = AlpineDir + path.Join(tail...)
		if slices.Contains(out[:i], out[i]) {
			out[i] = AlpineDir + path.Join(fmt.Sprint(i+1), path.Join(tail...))
		}
	}
	return out
}

// pathOf is a URL's path; a path stays.
func pathOf(location string) string {
	if u, err := url.Parse(location); err == nil && spec.IsURL(location) {
		return u.Path
	}
	return location
}

// safeName keeps of a name what every file system takes.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+-", r) {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s, ".")
}

// TextFile is the file of that content.
func TextFile(path string, kind Kind, content []byte) File {
	sum := sha256.Sum256(content)
	return File{Path: path, Kind: kind, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// MaxParts bounds the parts of a tar.
const MaxParts = 10000

// PartPath is where part i of a tar is.
func PartPath(tar string, i int) string { return fmt.Sprintf("%s.%03d", tar, i) }

// SumsSuffix follows a tar's name in that of the file that names its parts and their digests, as sha256sum writes it.
const SumsSuffix = ".sha256"
