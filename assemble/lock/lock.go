package lock

import (
	"bytes"
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/sbom"
)

// Version is the version of the lock's format.
const Version = versions.Lock

// Lock is a plan with its results: everything that the image is made of, by digest. The image's configuration, manifests and
// index are computed from it alone, without reading a package.
type Lock struct {
	Name string `json:"-"` // the file that it was read from, for errors

	Version     int               `json:"version"`
	Checksum    string            `json:"checksum"` // SHA-256 of the other fields, so that an edit by hand is noticed
	Spec        string            `json:"spec"`     // digest of the spec that it was made from
	Untrusted   bool              `json:"untrusted,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"` // of the manifests and the index
	Python      *Python           `json:"python,omitempty"`
	// WheelIndexes are the indexes in registries that wheels were chosen from, sorted.
	WheelIndexes []WheelIndex `json:"wheelIndexes,omitempty"`
	Files        *Files       `json:"files,omitempty"`
	Bytecode     *Bytecode    `json:"bytecode,omitempty"` // nil: the spec asks for none
	Platforms    []Platform   `json:"platforms"`
	Digest       string       `json:"index"` // of the resulting image index
}

// Bytecode says which bytecode the images have.
type Bytecode struct {
	Mode string `json:"mode"`          // one of spec.BytecodeModes
	Why  string `json:"why,omitempty"` // why there is none although the spec asks for it
}

// Platform is one platform of a lock.
type Platform struct {
	Platform   spec.Platform    `json:"platform"`
	Base       *Base            `json:"base,omitempty"` // nil: none
	Dialect    int              `json:"dialect"`
	World      []string         `json:"world"`
	Packages   []Package        `json:"packages"` // sorted by name
	Install    []string         `json:"install"`  // their names in install order
	Runtimes   []Runtime        `json:"runtimes,omitempty"`
	Wheels     []Wheel          `json:"wheels,omitempty"` // sorted by file name
	Layers     []Layer          `json:"layers"`
	Components []sbom.Component `json:"components,omitempty"` // what the image consists of, sorted: what its bill of materials lists
	Created    time.Time        `json:"created"`
	Config     v1.Config        `json:"config"`
	// StartInterval belongs to the healthcheck of Config, which cannot hold it.
	StartInterval time.Duration `json:"startInterval,omitempty"`
	ConfigDigest  string        `json:"configDigest"`
	Manifest      string        `json:"manifest"`
}

// Base is the image that a platform's image is built on.
type Base struct {
	URL     string       `json:"url"`               // image:REF or oci:DIR[:TAG], as in the spec
	Digest  string       `json:"digest"`            // of the manifest for the platform
	Branch  string       `json:"branch,omitempty"`  // the branch of Alpine that it is of, if it says so
	Layers  int          `json:"layers"`            // how many of the platform's layers, the lowest ones, are the base's
	History []v1.History `json:"history,omitempty"` // of the base
	Changes []string     `json:"changes,omitempty"` // what happens to its packages, in order: "+ name=version", "> name=old -> new", "- name=version"
}

// Name is what people call the base: its reference without a digest, or the last part of its path for a layout on disk.
func (b Base) Name() string {
	if name := b.Reference(); name != "" {
		return name
	}
	return path.Base(filepath.ToSlash(b.URL))
}

// Reference returns the base's reference without a digest, HOST/REPOSITORY:TAG; "" for a layout on disk.
func (b Base) Reference() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(b.URL, spec.FromImage), "@")
	if strings.HasPrefix(name, spec.OciLayout) {
		return ""
	}
	return name
}

// Sources returns the images and tarballs that a platform is made of: its base, if it has one, and its runtimes.
func (p Platform) Sources() []Runtime {
	if p.Base == nil {
		return p.Runtimes
	}
	return append([]Runtime{p.Base.Source()}, p.Runtimes...)
}

// OfBase reports whether a layer is the base's.
func (p Platform) OfBase(digest string) bool {
	return p.Base != nil && slices.ContainsFunc(p.Layers[:p.Base.Layers], func(l Layer) bool { return l.Digest == digest })
}

// Source returns the base in the form of a runtime's image: image:REF.
func (b Base) Source() Runtime {
	return Runtime{URL: spec.FromImage + strings.TrimPrefix(b.URL, spec.FromImage), Digest: b.Digest}
}

// Package is one package.
type Package struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Arch     string   `json:"arch"` // as the index has it
	Tag      string   `json:"tag,omitempty"`
	URLs     []string `json:"urls"`           // one for each mirror; a directory is named as in the spec
	Size     int64    `json:"size"`           // of the .apk, in bytes
	Checksum string   `json:"checksum"`       // of its control stream, as the index has it
	Data     string   `json:"data,omitempty"` // digest of its data stream; "" if the package has no files
}

// Runtime is one runtime tarball.
type Runtime struct {
	URL    string `json:"url"` // a file is named as in the spec
	Digest string `json:"digest"`
}

// Layer is one layer, lowest first.
type Layer struct {
	Digest    string   `json:"digest"`
	DiffID    string   `json:"diffID"`
	MediaType string   `json:"mediaType"`
	Size      int64    `json:"size"`              // compressed, in bytes
	From      string   `json:"from"`              // what it was made from, such as "apk busybox=1.36.1-r29"
	Reasons   []Reason `json:"reasons,omitempty"` // why it is not its source's own bytes; none for a verbatim layer
	Recipe    *Recipe  `json:"recipe,omitempty"`  // how to make it from its sources; nil for a verbatim layer and for the last one
}

// Encode returns the lock as its file has it: the same bytes for the same lock, one value on each line.
func (l Lock) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(l)
	return b.Bytes(), err
}

// checksum returns the digest of all fields except Checksum.
func (l Lock) checksum() (string, error) {
	l.Checksum = ""
	_, desc, err := encode(l)
	return desc.Digest.String(), err
}

// Seal fills in the digests that are computed from the other fields.
func (l *Lock) Seal() error {
	d, err := l.documents()
	if err != nil {
		return err
	}
	l.Digest = d.desc.Digest.String()
	for i := range l.Platforms {
		l.Platforms[i].ConfigDigest, l.Platforms[i].Manifest = sha256Of(d.configs[i]), d.index.Manifests[i].Digest.String()
	}
	l.Checksum, err = l.checksum()
	return err
}

// Only returns the lock for some of its platforms. It is the same that a build of only these platforms makes.
func (l Lock) Only(platforms []spec.Platform) (Lock, error) {
	l.Platforms = slices.DeleteFunc(slices.Clone(l.Platforms), func(p Platform) bool {
		return !slices.Contains(platforms, p.Platform)
	})
	return l, l.Seal()
}

// WithLabels returns the lock of the same image with more labels in its configurations. The layers stay as they are.
func (l Lock) WithLabels(labels map[string]string) (Lock, error) {
	l.Platforms = slices.Clone(l.Platforms)
	for i := range l.Platforms {
		p := &l.Platforms[i]
		all := maps.Clone(p.Config.Labels)
		if all == nil {
			all = make(map[string]string)
		}
		maps.Copy(all, labels)
		p.Config.Labels = all
	}
	return l, l.Seal()
}

// Made reports whether pyimg makes the layer: it is not its source's own bytes.
func (l Layer) Made() bool { return len(l.Reasons) > 0 }

// Blob returns the layer as the store knows it, without the size of its tar.
func (l Layer) Blob() layers.Blob {
	return layers.Blob{Digest: l.Digest, DiffID: l.DiffID, MediaType: l.MediaType, Size: l.Size}
}
