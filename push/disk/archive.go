package disk

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

// WriteArchive writes an index or image (see [oci.Root]) as an OCI archive: an OCI layout in a tar file. It names it
// tag; "" means "latest". The file's bytes depend on idx and tag only. A pipe or device is written to and not replaced.
func WriteArchive(ctx context.Context, file, tag string, idx v1.ImageIndex) error {
	return writeArchive(ctx, "OCI archive", file, func() ([]member, error) { return archiveMembers(tag, idx) })
}

// StreamArchive writes to w what [WriteArchive] writes to a file.
func StreamArchive(ctx context.Context, w io.Writer, tag string, idx v1.ImageIndex) error {
	return streamArchive(ctx, "OCI archive", w, func() ([]member, error) { return archiveMembers(tag, idx) })
}

// WriteDockerArchive writes an image of one platform as an archive that every version of "docker load" reads, and also
// podman, skopeo and containerd: an OCI layout with a manifest.json for docker. image is its name, HOST/REPOSITORY:TAG
// or a short form. With "" the image has no name and is known by its digest. A pipe or device is written to and not
// replaced.
func WriteDockerArchive(ctx context.Context, file, image string, idx v1.ImageIndex) error {
	return writeArchive(ctx, "docker archive", file, func() ([]member, error) { return dockerMembers(image, idx) })
}

// StreamDockerArchive writes to w what [WriteDockerArchive] writes to a file.
func StreamDockerArchive(ctx context.Context, w io.Writer, image string, idx v1.ImageIndex) error {
	return streamArchive(ctx, "docker archive", w, func() ([]member, error) { return dockerMembers(image, idx) })
}

func writeArchive(ctx context.Context, kind, file string, list func() ([]member, error)) error {
	into := func(write func(io.Writer) error) error { return atomicfile.Replace(file, write) }
	return archive(ctx, fmt.Sprintf("%s %q", kind, file), list, into)
}

func streamArchive(ctx context.Context, kind string, w io.Writer, list func() ([]member, error)) error {
	return archive(ctx, kind, list, func(write func(io.Writer) error) error { return write(w) })
}

// archive passes to into a function that writes the members of list.
func archive(ctx context.Context, what string, list func() ([]member, error), into func(func(io.Writer) error) error) error {
	_, err := patience.Promptly(ctx, func() (struct{}, error) {
		ms, err := list()
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, into(func(w io.Writer) error {
			return buffered(ctx, w, func(w io.Writer) error { return writeTar(w, ms) })
		})
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

func archiveMembers(tag string, idx v1.ImageIndex) ([]member, error) {
	tag, err := layoutTag(tag)
	if err != nil {
		return nil, err
	}
	g, err := oci.Walk(idx)
	if err != nil {
		return nil, err
	}
	return layoutMembers(g.Blobs(), g.Root.Desc, map[string]string{refName: tag})
}

// A member is a file of an archive.
type member struct {
	path string
	oci.Blob
}

func smallMember(path string, raw []byte) member {
	return member{path, oci.Memory(v1.Descriptor{Size: int64(len(raw)), Digest: oci.SHA256(raw)}, raw)}
}

// layoutMembers returns the files of a layout that holds one name.
func layoutMembers(blobs []oci.Blob, root v1.Descriptor, annotations map[string]string) ([]member, error) {
	root.Annotations = annotations
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{root}})
	if err != nil {
		return nil, err
	}
	ms := []member{smallMember(layoutFile, []byte(layoutVersion)), smallMember(indexFile, index)}
	for _, b := range blobs {
		ms = append(ms, member{blobsDir + "/" + b.Desc.Digest.Hex, b})
	}
	return ms, nil
}

// dockerMembers returns the files of a layout whose index.json names the image manifest, and docker's manifest.json.
func dockerMembers(image string, idx v1.ImageIndex) ([]member, error) {
	var names []string
	var annotations map[string]string
	if image != "" {
		tag, err := name.NewTag(image)
		if err != nil {
			return nil, fmt.Errorf("image name %q is not of the form HOST/REPOSITORY:TAG: %w", image, oci.ExplainReference(image, err))
		}
		repo, _ := strings.CutSuffix(tag.String(), ":"+tag.TagStr()) // as the user wrote it: docker knows short names
		names = []string{repo + ":" + tag.TagStr()}
		full := strings.Replace(tag.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
		annotations = map[string]string{refName: tag.TagStr(), imageName: full}
	}
	one, err := oneImage(idx)
	if err != nil {
		return nil, err
	}
	g, err := oci.Walk(one)
	if err != nil {
		return nil, err
	}
	docker, err := dockerManifest(names, g)
	if err != nil {
		return nil, err
	}
	ms, err := layoutMembers(g.Blobs(), g.Root.Desc, annotations)
	return append(ms, smallMember(dockerFile, docker)), err
}

// dockerFile is the file of an archive that "docker load" reads first.
const dockerFile = "manifest.json"

// dockerManifest makes docker's list of the config and layer files, in order.
func dockerManifest(names []string, g *oci.Graph) ([]byte, error) {
	man, err := v1.ParseManifest(bytes.NewReader(g.Root.Raw))
	if err != nil {
		return nil, err
	}
	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{
		Config:   blobsDir + "/" + man.Config.Digest.Hex,
		RepoTags: names,
		Layers:   []string{},
	}
	for _, l := range man.Layers {
		entry.Layers = append(entry.Layers, blobsDir+"/"+l.Digest.Hex)
	}
	return json.Marshal([]any{entry})
}

// oneImage returns the only image of idx that can be run, as an index (see [oci.Wrap]).
func oneImage(idx v1.ImageIndex) (v1.ImageIndex, error) {
	g, err := oci.Walk(idx)
	if err != nil {
		return nil, err
	}
	run := g.Runnable()
	if len(run) == 0 {
		return nil, errors.New("the index has no image that can be run")
	}
	if len(run) > 1 {
		var have []string
		for _, i := range run {
			have = append(have, platformName(g.Platforms[i].Platform))
		}
		return nil, fmt.Errorf("a docker archive has one platform, but the image has %s: choose one with --platform", strings.Join(have, ", "))
	}
	return oci.Wrap(g.Images[run[0]])
}

func platformName(p *v1.Platform) string {
	if p == nil {
		return "one without a name"
	}
	return p.String()
}

// writeTar writes members sorted by path, so that equal files give an equal archive.
func writeTar(w io.Writer, ms []member) error {
	slices.SortFunc(ms, func(a, b member) int { return cmp.Compare(a.path, b.path) })
	tw := tar.NewWriter(w)
	for _, dir := range []string{"blobs/", blobsDir + "/"} { // folders come before the files in them
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return err
		}
	}
	for _, m := range ms {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.path, Mode: 0o644, Size: m.Desc.Size}); err != nil {
			return err
		}
		if err := copyChecked(tw, m.Blob); err != nil {
			return err
		}
	}
	return tw.Close()
}
