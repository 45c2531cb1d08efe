package artifact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pyimg/pyimg/internal/exit"
)

// The artifact types.
const (
	IndexType  = "application/vnd.pyimg.wheels.index.v1"
	ListType   = "application/vnd.pyimg.wheels.list.v1"
	FilesType  = "application/vnd.pyimg.wheels.files.v1"
	PartType   = "application/vnd.pyimg.wheels.part.v1"   // what one job built, by digest alone
	StatusType = "application/vnd.pyimg.wheels.status.v1" // builds that failed, and their logs
)

// The media types.
const (
	IndexMedia     = "application/vnd.oci.image.index.v1+json"
	ManifestMedia  = "application/vnd.oci.image.manifest.v1+json"
	EmptyMedia     = "application/vnd.oci.empty.v1+json"
	ContentsMedia  = "application/vnd.pyimg.wheels.manifest.v1+json"
	SignatureMedia = "application/vnd.dev.sigstore.bundle.v0.3+json"
	WheelMedia     = "application/vnd.pyimg.wheel.v1+zip"
	MetadataMedia  = "application/vnd.pyimg.wheel.metadata.v1"
	LogMedia       = "text/plain"
)

// TitleKey is the annotation that holds a file's name. A reader does not rely on it.
const TitleKey = "org.opencontainers.image.title"

const (
	// MaxManifest bounds a manifest: registries refuse more than 4 MiB.
	MaxManifest = 4 << 20
	// MaxLayers bounds the layers of a manifest that is written: the registry of AWS takes 4,200.
	MaxLayers = 4000
	// maxEntries bounds what a manifest may list when it is read: others may write larger ones.
	maxEntries = 20_000
	// MaxContents bounds manifest.json, as in a folder: 100,000 wheels with 20 build requirements each.
	MaxContents = 256 << 20
	// MaxSignature bounds a signature, which has a few kilobytes.
	MaxSignature = 1 << 20
)

// A Descriptor names a blob or a manifest. See the OCI image-spec, descriptor.md.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
}

// Title is the name of a descriptor's file.
func (d Descriptor) Title() string { return d.Annotations[TitleKey] }

// Platform is which machine a manifest's wheels are for.
type Platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// A Document is an index, with Manifests, or a manifest, with Config and Layers.
type Document struct {
	SchemaVersion int         `json:"schemaVersion"`
	MediaType     string      `json:"mediaType"`
	ArtifactType  string      `json:"artifactType,omitempty"`
	Config        *Descriptor `json:"config,omitempty"`
	Layers        descriptors `json:"layers,omitempty"`
	Manifests     descriptors `json:"manifests,omitempty"`
}

// descriptors are read in bounds: four megabytes could hold a million empty ones.
type descriptors []Descriptor

// UnmarshalJSON refuses more than maxEntries.
func (ds *descriptors) UnmarshalJSON(text []byte) error {
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, errors.New("expected a list of descriptors"))
	}
	for d.More() {
		if len(*ds) == maxEntries {
			return fmt.Errorf("it lists more than %d blobs or manifests", maxEntries)
		}
		var one Descriptor
		if err := d.Decode(&one); err != nil {
			return err
		}
		*ds = append(*ds, one)
	}
	return nil
}

// A DamageError says that what a registry has is not an index of wheels, or a damaged one.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode is Unverified.
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

func damagef(format string, args ...any) error { return &DamageError{fmt.Errorf(format, args...)} }

// ParseDocument reads an index or a manifest of an artifact type.
func ParseDocument(raw []byte, artifactType string) (Document, error) {
	var d Document
	if len(raw) > MaxManifest {
		return d, damagef("it has more than %d bytes", MaxManifest)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return Document{}, &DamageError{err}
	}
	if d.ArtifactType != artifactType {
		found := d.ArtifactType
		if found == "" {
			found = d.MediaType
		}
		return Document{}, damagef("its type is %.100q, expected %s", found, artifactType)
	}
	for _, all := range []descriptors{d.Layers, d.Manifests} {
		for _, x := range all {
			if !isDigest(x.Digest) || x.Size < 0 {
				return Document{}, damagef("it names a blob or manifest %.100q of %d bytes, expected a SHA-256 and a size", x.Digest, x.Size)
			}
		}
	}
	return d, nil
}

// isDigest reports whether s is a SHA-256 as registries write it.
func isDigest(s string) bool {
	const prefix = "sha256:"
	return len(s) == len(prefix)+64 && s[:len(prefix)] == prefix && isHex(s[len(prefix):])
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

// List finds the manifest with the list.
func (d Document) List() (Descriptor, error) {
	for _, m := range d.Manifests {
		if m.ArtifactType == ListType {
			return m, nil
		}
	}
	return Descriptor{}, damagef("it names no manifest of the type %s", ListType)
}

// File finds the layer of a media type. ok is false where there is none.
func (d Document) File(mediaType string) (layer Descriptor, ok bool) {
	for _, l := range d.Layers {
		if l.MediaType == mediaType {
			return l, true
		}
	}
	return Descriptor{}, false
}
