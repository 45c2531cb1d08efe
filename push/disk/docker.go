package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/push/oci"
)

// ReadImage is [ReadLayout] for callers that only read. It also reads docker's own form, packed or unpacked, as "docker
// save" and "podman save" write it. It uses docker's manifest.json where index.json names no image. That form mostly
// has layers without compression. It has no image manifest, so ReadImage makes one; nothing refers to the image by that
// manifest's digest.
func ReadImage(path string) (v1.ImageIndex, error) {
	location, tag, err := splitLayout(path)
	if err != nil {
		return nil, err
	}
	idx, err := readImage(location, tag)
	if err != nil {
		return nil, fmt.Errorf("reading image %q: %w", location, err)
	}
	return idx, nil
}

func readImage(location, tag string) (v1.ImageIndex, error) {
	files, err := openFiles(location)
	if err != nil {
		return nil, err
	}
	im, raw, err := files.entries()
	switch none := errors.Is(err, fs.ErrNotExist) || err == nil && len(im.Manifests) == 0; {
	case none && files.has(dockerFile):
		return files.dockerImage(tag)
	case errors.Is(err, fs.ErrNotExist):
		return nil, files.noIndex()
	case err != nil:
		return nil, err
	}
	return files.chosen(im, raw, tag)
}

// has reports whether the layout has a file.
func (f *files) has(name string) bool {
	rc, _, err := f.reader(name)
	if err != nil {
		return false
	}
	_ = rc.Close() // nothing was read
	return true
}

// A dockerEntry is an image in docker's manifest.json (moby, image/spec: "Combined Image JSON + Filesystem Changeset
// Format").
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (f *files) dockerImage(tag string) (v1.ImageIndex, error) {
	raw, err := f.small(dockerFile, oci.MaxManifest)
	if err != nil {
		return nil, err
	}
	var entries []dockerEntry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("reading %q: %w", dockerFile, err)
	}
	items := make([]named, len(entries))
	for i, e := range entries {
		items[i] = named{e.RepoTags, strings.Join(append([]string{e.Config}, e.Layers...), " ")}
	}
	chosen, err := choose(items, tag)
	if err != nil {
		return nil, err
	}
	entry := entries[chosen]
	Manifest, err := f.dockerManifest(entry)
	if err != nil {
		return nil, err
	}
	if raw, err = json.Marshal(Manifest); err != nil {
		return nil, err
	}
	return oci.Open(f, v1.Descriptor{MediaType: Manifest.MediaType, Digest: oci.SHA256(raw), Size: int64(len(raw))}, raw)
}

// dockerManifest makes the image manifest that the archive lacks. It also makes the blobs readable by their digests;
// the digest of a layer without compression is its diff ID.
func (f *files) dockerManifest(e dockerEntry) (*v1.Manifest, error) {
	raw, err := f.small(path.Clean(e.Config), oci.MaxConfig)
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
	digest := oci.SHA256(raw)
	f.alias = map[string]string{blobsDir + "/" + digest.Hex: path.Clean(e.Config)}
	m := &v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Digest: digest, Size: int64(len(raw))}}
	known := map[v1.Hash]v1.Descriptor{} // docker stores a layer that is listed twice only once
	for i, name := range e.Layers {
		desc, err := f.dockerLayer(path.Clean(name), ids[i])
		if same, ok := known[ids[i]]; ok && errors.Is(err, fs.ErrNotExist) {
			m.Layers = append(m.Layers, same)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading layer %q: %w", name, err)
		}
		f.alias[blobsDir+"/"+desc.Digest.Hex] = path.Clean(name)
		m.Layers = append(m.Layers, desc)
		known[ids[i]] = desc
	}
	return m, nil
}

// dockerLayer describes a layer: a tar, whose digest is its diff ID, or a compressed tar.
func (f *files) dockerLayer(name string, id v1.Hash) (v1.Descriptor, error) {
	rc, size, err := f.reader(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer rc.Close()
	head := make([]byte, maxMagic)
	n, err := io.ReadFull(rc, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return v1.Descriptor{}, err
	}
	desc := v1.Descriptor{MediaType: types.DockerUncompressedLayer, Digest: id, Size: size}
	switch compression(head[:n]) {
	case "gzip":
		desc.MediaType = types.DockerLayer
	case "zstd":
		desc.MediaType = types.OCILayerZStd
	default:
		return desc, nil
	}
	// The file's name is mostly the layer's digest. Reading the layer checks it.
	hex, _, _ := strings.Cut(strings.TrimPrefix(path.Base(name), "sha256:"), ".")
	if desc.Digest, err = v1.NewHash("sha256:" + hex); err == nil {
		return desc, nil
	}
	desc.Digest, _, err = v1.SHA256(io.MultiReader(bytes.NewReader(head[:n]), rc))
	return desc, err
}
