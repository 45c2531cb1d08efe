package registry

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/wheels/repository"
)

// A document is a manifest or an index that is written.
type document struct {
	descriptor artifact.Descriptor
	raw        []byte
}

func newDocument(d artifact.Document) (document, error) {
	d.SchemaVersion = 2
	raw, err := json.Marshal(d)
	if err != nil {
		return document{}, err
	}
	return document{artifact.Descriptor{MediaType: d.MediaType, ArtifactType: d.ArtifactType, Digest: oci.SHA256(raw).String(), Size: int64(len(raw))}, raw}, nil
}

// emptyConfig is the config of artifacts that have none. See the OCI image-spec, manifest.md.
const emptyConfig = "{}"

// newManifest is a manifest of files.
func newManifest(artifactType string, layers []artifact.Descriptor) (document, error) {
	config := descriptorOf(artifact.EmptyMedia, []byte(emptyConfig), "")
	if len(layers) == 0 {
		layers = []artifact.Descriptor{config} // a manifest has at least one layer
	}
	return newDocument(artifact.Document{MediaType: artifact.ManifestMedia, ArtifactType: artifactType, Config: &config, Layers: layers})
}

func descriptorOf(mediaType string, content []byte, title string) artifact.Descriptor {
	d := artifact.Descriptor{MediaType: mediaType, Digest: oci.SHA256(content).String(), Size: int64(len(content))}
	if title != "" {
		d.Annotations = map[string]string{artifact.TitleKey: title}
	}
	return d
}

// machines are the architectures of OCI, by the machines of wheels' tags.
//
//nolint:gochecknoglobals // a table
var machines = map[string]artifact.Platform{
	"x86_64": {Architecture: "amd64", OS: "linux"}, "aarch64": {Architecture: "arm64", OS: "linux"}, "i686": {Architecture: "386", OS: "linux"},
	"armv7l": {Architecture: "arm", OS: "linux", Variant: "v7"}, "armv6l": {Architecture: "arm", OS: "linux", Variant: "v6"},
	"ppc64le": {Architecture: "ppc64le", OS: "linux"}, "s390x": {Architecture: "s390x", OS: "linux"}, "riscv64": {Architecture: "riscv64", OS: "linux"},
	"loongarch64": {Architecture: "loong64", OS: "linux"},
}

// machineOf is the machine that a wheel is for; "" for a pure one, or an unknown one.
func machineOf(r repository.Record) string {
	f, err := r.Filename()
	if err != nil || len(f.Tags) == 0 {
		return ""
	}
	for _, t := range f.Tags {
		for machine := range machines {
			if strings.HasSuffix(t, "_"+machine) {
				return machine
			}
		}
	}
	return ""
}

// filesManifests are the manifests that hold the wheels: for each machine, and of a machine with many wheels several. sizes has the
// size of each METADATA by its SHA-256.
func filesManifests(records []repository.Record, sizes map[string]int64) ([]document, error) {
	groups := make(map[string][]artifact.Descriptor)
	for _, r := range records {
		machine := machineOf(r)
		groups[machine] = append(groups[machine],
			artifact.Descriptor{MediaType: artifact.WheelMedia, Digest: "sha256:" + r.SHA256, Size: r.Size, Annotations: map[string]string{artifact.TitleKey: r.File}},
			artifact.Descriptor{MediaType: artifact.MetadataMedia, Digest: "sha256:" + r.Metadata, Size: sizes[r.Metadata], Annotations: map[string]string{artifact.TitleKey: r.File + ".metadata"}})
	}
	var out []document
	for _, machine := range slices.Sorted(maps.Keys(groups)) {
		for layers := range slices.Chunk(groups[machine], artifact.MaxLayers) {
			d, err := newManifest(artifact.FilesType, layers)
			if err != nil {
				return nil, err
			}
			if p, known := machines[machine]; known {
				d.descriptor.Platform = &p
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// newIndex is an index with a list, and with the manifests that hold the wheels.
func newIndex(artifactType string, list document, files []document) (document, error) {
	d := artifact.Document{MediaType: artifact.IndexMedia, ArtifactType: artifactType}
	for _, m := range append([]document{list}, files...) {
		d.Manifests = append(d.Manifests, m.descriptor)
	}
	return newDocument(d)
}
