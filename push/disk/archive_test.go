package disk_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

func TestArchiveRoundTrip(t *testing.T) {
	t.Parallel()
	idx, dir := imagetest.Sample(t), t.TempDir()
	var files [2][]byte
	for i, name := range []string{"a.tar", "b.tar"} {
		path := filepath.Join(dir, name)
		if err := disk.WriteArchive(t.Context(), path, "v1", idx); err != nil {
			t.Fatal(err)
		}
		sameRoot(t, path, imagetest.Digest(t, idx))
		sameRoot(t, path+":v1", imagetest.Digest(t, idx))
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = raw
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two archives of one image differ")
	}
	var paths []string
	for path, h := range members(t, files[0]) {
		paths = append(paths, path)
		if !h.header.ModTime.IsZero() && h.header.ModTime.Unix() != 0 || h.header.Uid != 0 {
			t.Errorf("%s has a time or an owner: %+v", path, h.header)
		}
	}
	if len(paths) != 12 {
		t.Errorf("members %q, want 8 blobs, 2 folders, index.json, oci-layout", paths)
	}
}

type content struct {
	header *tar.Header
	raw    []byte
}

// members reads an archive and checks that its names are sorted.
func members(t *testing.T, raw []byte) map[string]content {
	t.Helper()
	out := map[string]content{}
	var order []string
	for tr := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, h.Name)
		out[h.Name] = content{h, b}
	}
	if !slices.IsSorted(order) {
		t.Errorf("members are not sorted: %q", order)
	}
	return out
}

func TestDockerArchive(t *testing.T) {
	t.Parallel()
	img := imagetest.Image(t, "amd64", imagetest.Layer(t, 100), imagetest.Layer(t, 200))
	path := filepath.Join(t.TempDir(), "image.tar")
	for _, tt := range []struct{ name, tag, full, ref string }{
		{"app", "app:latest", "docker.io/library/app:latest", "latest"},
		{"me/app:v1", "me/app:v1", "docker.io/me/app:v1", "v1"},
		{"example.com:5000/a/b:c", "example.com:5000/a/b:c", "example.com:5000/a/b:c", "c"},
	} {
		if err := disk.WriteDockerArchive(t.Context(), path, tt.name, imagetest.Index(map[string]v1.Image{"amd64": img})); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := members(t, raw)
		var docker []struct {
			Config           string
			RepoTags, Layers []string
		}
		if err := json.Unmarshal(files["manifest.json"].raw, &docker); err != nil {
			t.Fatal(err)
		}
		if len(docker) != 1 || !slices.Equal(docker[0].RepoTags, []string{tt.tag}) || len(docker[0].Layers) != 2 {
			t.Errorf("manifest.json of %q: %+v", tt.name, docker)
		}
		for _, p := range append(docker[0].Layers, docker[0].Config) {
			if _, ok := files[p]; !ok {
				t.Errorf("manifest.json names %q, which is not there", p)
			}
		}
		im, err := v1.ParseIndexManifest(bytes.NewReader(files["index.json"].raw))
		if err != nil {
			t.Fatal(err)
		}
		if a := im.Manifests[0].Annotations; a["io.containerd.image.name"] != tt.full || a["org.opencontainers.image.ref.name"] != tt.ref {
			t.Errorf("annotations of %q: %q", tt.name, a)
		}
		sameRoot(t, path, imagetest.Digest(t, img))
	}
	loaded, err := tarball.ImageFromPath(path, nil) // go-containerregistry reads manifest.json
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(loaded); err != nil {
		t.Error(err)
	}
}

func TestDockerArchiveHoldsOnePlatform(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "image.tar")
	err := disk.WriteDockerArchive(t.Context(), path, "app", imagetest.Sample(t))
	if err == nil || !strings.Contains(err.Error(), "linux/amd64, linux/arm64") || !strings.Contains(err.Error(), "--platform") {
		t.Errorf("WriteDockerArchive = %v, want an error that names both platforms and --platform", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
	attested := mutate.AppendManifests(imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", imagetest.Layer(t, 10))}),
		mutate.IndexAddendum{Add: imagetest.Image(t, "amd64", imagetest.Layer(t, 20)), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
	if err := disk.WriteDockerArchive(t.Context(), path, "app", attested); err != nil {
		t.Errorf("an image with an attestation: %v", err)
	}
	if err := disk.WriteDockerArchive(t.Context(), path, "", attested); err != nil {
		t.Errorf("an image without a name: %v", err)
	}
	for _, name := range []string{"UPPER", "a@sha256:" + strings.Repeat("0", 64)} {
		if err := disk.WriteDockerArchive(t.Context(), path, name, attested); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
}

func TestReadOldDockerArchive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.tar")
	if err := tarball.WriteToFile(path, nil, imagetest.Image(t, "amd64", imagetest.Layer(t, 10))); err == nil {
		if _, err := disk.ReadLayout(path); err == nil || !strings.Contains(err.Error(), "skopeo copy") {
			t.Errorf("ReadLayout = %v, want an error that says how to convert it", err)
		}
	} else {
		t.Fatal(err)
	}
}

func TestReadNoArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), strings.Repeat("hello ", 500))
	write(t, filepath.Join(dir, "empty"), "")
	for _, path := range []string{"text", "empty", "none", "none:tag", "text:tag", "."} {
		if _, err := disk.ReadLayout(filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("ReadLayout(%q) = %v, want an error that names it", path, err)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.tar")
	img, err := mutate.ConfigFile(mutate.MediaType(empty.Image, "application/vnd.oci.image.manifest.v1+json"), &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		f.Fatal(err)
	}
	idx, err := oci.Wrap(img)
	if err != nil {
		f.Fatal(err)
	}
	for name, w := range map[string]func() error{
		"oci":    func() error { return disk.WriteArchive(f.Context(), path, "", idx) },
		"docker": func() error { return disk.WriteDockerArchive(f.Context(), path, "a", idx) },
	} {
		if err := w(); err != nil {
			f.Fatal(name, err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(raw[:len(raw)/2])
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		if _, err := z.Write(raw); err != nil || z.Close() != nil {
			f.Fatal(err)
		}
		f.Add(zipped.Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "f.tar")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if idx, err := disk.ReadImage(path); err == nil {
			_, _ = oci.ImageFor(idx, "x", "linux/amd64")
		}
		idx, err := disk.ReadLayout(path)
		if err != nil {
			return
		}
		if err := disk.WriteArchive(t.Context(), path+".2", "", idx); err != nil {
			return
		}
		a, err := oci.Root(idx)
		if err != nil {
			t.Fatal(err)
		}
		sameDigest(t, path+".2", a.Digest.String())
	})
}

func sameDigest(t *testing.T, path, want string) {
	t.Helper()
	idx, err := disk.ReadLayout(path)
	if err != nil {
		t.Fatal(err)
	}
	if root, err := oci.Root(idx); err != nil || root.Digest.String() != want {
		t.Errorf("the root came back as %s, %v, was %s", root.Digest, err, want)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
