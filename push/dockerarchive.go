package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ReadImage is [ReadLayout] for who only reads: archives in docker's old form, as "docker save" and "podman save" write
// them, will do, too. Their layers are tars without compression, and the manifest is made up: nobody has it by its digest.
func ReadImage(path string) (v1.ImageIndex, error) {
	place, tag, err := splitLayout(path)
	if err != nil {
		return nil, err
	}
	files, err := openFiles(place)
	_, layout := files.has(indexFile)
	_, docker := files.has(dockerFile)
	if err != nil || layout || !docker {
		return ReadLayout(path)
	}
	idx, err := files.dockerImage(tag)
	if err != nil {
		return nil, fmt.Errorf("reading docker archive %q: %w", place, err)
	}
	return idx, nil
}

// has tells of an archive's member.
func (f *files) has(name string) (span, bool) {
	if f == nil {
		return span{}, false
	}
	at, ok := f.members[name]
	return at, ok
}

// A dockerEntry is an image in manifest.json (moby, image/spec: "Combined Image JSON + Filesystem Changeset Format").
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (f *files) dockerImage(tag string) (v1.ImageIndex, error) {
	raw, err := f.small(dockerFile, maxManifest)
	if err != nil {
		return nil, err
	}
	var entries []dockerEntry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("reading %q: %w", dockerFile, err)
	}
	entry, err := chooseEntry(entries, tag)
	if err != nil {
		return nil, err
	}
	manifest, err := f.dockerManifest(entry)
	if err != nil {
		return nil, err
	}
	if raw, err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	img, err := partial.CompressedToImage(&fileImage{from: f, raw: raw, manifest: manifest, mediaType: manifest.MediaType})
	if err != nil {
		return nil, err
	}
	return Wrap(img)
}

func chooseEntry(entries []dockerEntry, tag string) (dockerEntry, error) {
	var names []string
	for _, e := range entries {
		names = append(names, e.RepoTags...)
	}
	if tag == "" && len(entries) == 1 {
		return entries[0], nil
	}
	i := slices.IndexFunc(entries, func(e dockerEntry) bool {
		return slices.ContainsFunc(e.RepoTags, func(name string) bool { return name == tag || strings.HasSuffix(name, ":"+tag) })
	})
	switch {
	case len(entries) == 0:
		return dockerEntry{}, errors.New("it holds no image")
	case tag == "":
		return dockerEntry{}, fmt.Errorf("it holds several images, add :TAG; their names are %q", names)
	case i < 0:
		return dockerEntry{}, fmt.Errorf("it holds no image %q; the names are %q", tag, names)
	}
	return entries[i], nil
}

// dockerManifest makes the manifest that the archive does not have, and lets blobs be found under their digests: a layer
// without compression under its diff ID.
func (f *files) dockerManifest(e dockerEntry) (*v1.Manifest, error) {
	raw, err := f.small(path.Clean(e.Config), maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("reading the configuration %q: %w", e.Config, err)
	}
	ids := config.RootFS.DiffIDs
	if len(ids) != len(e.Layers) {
		return nil, fmt.Errorf("its configuration has %d layers, %q has %d", len(ids), dockerFile, len(e.Layers))
	}
	digest := sha256Of(raw)
	f.alias = map[string]string{blobsDir + "/" + digest.Hex: path.Clean(e.Config)}
	m := &v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Digest: digest, Size: int64(len(raw))}}
	known := map[v1.Hash]v1.Descriptor{} // docker has links for layers that stand twice
	for i, name := range e.Layers {
		if at, ok := f.has(path.Clean(name)); ok {
			known[ids[i]] = f.dockerLayer(path.Clean(name), ids[i], at.size)
		}
	}
	for i, id := range ids {
		desc, ok := known[id]
		if !ok {
			return nil, fmt.Errorf("it holds no layer %q", e.Layers[i])
		}
		m.Layers = append(m.Layers, desc)
	}
	return m, nil
}

// dockerLayer describes a layer. One that is compressed has its digest for a name, as some tools write them.
func (f *files) dockerLayer(name string, id v1.Hash, size int64) v1.Descriptor {
	desc := v1.Descriptor{MediaType: types.DockerUncompressedLayer, Digest: id, Size: size}
	if sum, is := strings.CutSuffix(path.Base(name), ".tar.gz"); is {
		desc.MediaType, desc.Digest = types.DockerLayer, v1.Hash{Algorithm: "sha256", Hex: strings.TrimPrefix(sum, "sha256:")}
	}
	f.alias[blobsDir+"/"+desc.Digest.Hex] = name
	return desc
}
