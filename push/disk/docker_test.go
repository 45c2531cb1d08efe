package disk_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// oldImage returns an image that has one layer twice.
func oldImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	ls, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, ls[0]); err != nil {
		t.Fatal(err)
	}
	return img
}

// writeOld writes an image as old versions of "docker save" did: plain tars, and a link for a layer that the image has
// twice.
func writeOld(t *testing.T, file string, img v1.Image) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	add := func(h tar.Header, body []byte) {
		h.Size, h.Mode = int64(len(body)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	add(tar.Header{Name: "abc.json"}, config)
	ls, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"one/layer.tar", "two/layer.tar", "three/layer.tar"}
	for i, l := range ls[:2] {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		add(tar.Header{Name: names[i]}, raw)
	}
	add(tar.Header{Name: names[2], Typeflag: tar.TypeSymlink, Linkname: "../one/layer.tar"}, nil)
	manifest, err := json.Marshal([]map[string]any{{"Config": "abc.json", "RepoTags": []string{"example.org/a:1"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	add(tar.Header{Name: "manifest.json"}, manifest)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadImageTakesOldDockerArchives(t *testing.T) {
	t.Parallel()
	img := oldImage(t)
	dir := t.TempDir()
	plain, gz := filepath.Join(dir, "plain.tar"), filepath.Join(dir, "gz.tar")
	writeOld(t, plain, img)
	ref, err := name.NewTag("example.org/a:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(gz, ref, img); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder")
	unpack(t, plain, folder)
	for _, file := range []string{plain, plain + ":1", plain + ":example.org/a:1", plain + ":a:1", gz, folder,
		compressed(t, plain, "gzip"), compressed(t, plain, "zstd") + ":1"} {
		idx, err := disk.ReadImage(file)
		if err != nil {
			t.Errorf("ReadImage(%s): %v", file, err)
			continue
		}
		m, err := idx.IndexManifest()
		if err != nil || len(m.Manifests) != 1 {
			t.Fatalf("%s: %v, %v, want one image", file, m, err)
		}
		got, err := idx.Image(m.Manifests[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		sameLayers(t, file, got, img)
	}
}

// compressed writes a compressed copy of a file and returns its path.
func compressed(t *testing.T, file, kind string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := file + "." + kind
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var w io.WriteCloser = gzip.NewWriter(f)
	if kind == "zstd" {
		if w, err = zstd.NewWriter(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// unpack writes the members of an archive into a folder.
func unpack(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, at)
		case tar.TypeReg:
			var raw []byte
			if raw, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(at, raw, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// saved writes what "docker save" writes: an archive of index.json, manifest.json and their blobs.
func saved(t *testing.T, index, manifest string, blobs ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saved.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	add := func(name string, body []byte) {
		if body == nil {
			return
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	add("index.json", []byte(index))
	if manifest != "" {
		add("manifest.json", []byte(manifest))
	}
	for _, b := range blobs {
		add(blobOf(b), b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func blobOf(raw []byte) string { return fmt.Sprintf("blobs/sha256/%x", sha256.Sum256(raw)) }

// TestReadImageTakesSavesWithoutIndex: docker 25 saves an image by its ID with "manifests": null. Its layers are tars,
// or compressed with gzip where containerd stores them.
func TestReadImageTakesSavesWithoutIndex(t *testing.T) {
	t.Parallel()
	img := oldImage(t)
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	ls, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for kind, read := range map[string]func(v1.Layer) (io.ReadCloser, error){"plain": v1.Layer.Uncompressed, "gzip": v1.Layer.Compressed} {
		var blobs [][]byte
		var names []string
		for _, l := range ls {
			r, err := read(l)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			blobs, names = append(blobs, raw), append(names, blobOf(raw))
		}
		manifest, err := json.Marshal([]any{map[string]any{"Config": blobOf(config), "RepoTags": nil, "Layers": names}})
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range []string{`{"schemaVersion":2,"manifests":null}`, `{"schemaVersion":2,"manifests":[]}`} {
			idx, err := disk.ReadImage(saved(t, index, string(manifest), append(blobs, config)...))
			if err != nil {
				t.Fatalf("%s, %s: %v", kind, index, err)
			}
			m, err := idx.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			got, err := idx.Image(m.Manifests[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			sameLayers(t, kind, got, img)
		}
	}
}

// TestNamesInIndex checks by which names an image of a layout is found, and that a name of two images is refused.
func TestNamesInIndex(t *testing.T) {
	t.Parallel()
	type entry struct{ image, ref, full string }
	for _, tt := range []struct {
		name    string
		entries []entry
		tag     string
		want    string // the image, or a part of the error
	}{
		{"two tags of one image", []entry{{"x", "latest", ""}, {"x", "1", ""}}, "", "x"},
		{"one of two tags", []entry{{"x", "latest", ""}, {"x", "1", ""}}, "1", "x"},
		{"a full name", []entry{{"x", "team/name:1", ""}}, "team/name:1", "x"},
		{"its tag", []entry{{"x", "team/name:1", ""}, {"y", "team/name:2", ""}}, "2", "y"},
		{"its end", []entry{{"x", "example.org/team/name:1", ""}, {"y", "other:1", ""}}, "name:1", "x"},
		{"containerd's name", []entry{{"x", "1", "docker.io/library/a:1"}, {"y", "1", "docker.io/library/b:1"}}, "b:1", "y"},
		{"a name without its tag", []entry{{"x", "latest", "docker.io/library/a:latest"}, {"y", "latest", "docker.io/you/b:latest"}}, "you/b", "y"},
		{"a tag of two images", []entry{{"x", "a:1", ""}, {"y", "b:1", ""}}, "1", "give the full name"},
		{"no tag", []entry{{"x", "1", ""}, {"y", "2", ""}}, "", "several images, add :TAG"},
		{"another tag", []entry{{"x", "1", ""}}, "2", `no image "2"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			images := map[string]v1.Image{"x": imagetest.Image(t, "amd64", imagetest.Layer(t, 10)), "y": imagetest.Image(t, "arm64", imagetest.Layer(t, 20))}
			var blobs [][]byte
			im := v1.IndexManifest{SchemaVersion: 2}
			for _, img := range images {
				m, err := img.RawManifest()
				if err != nil {
					t.Fatal(err)
				}
				config, err := img.RawConfigFile()
				if err != nil {
					t.Fatal(err)
				}
				blobs = append(blobs, m, config)
			}
			for _, e := range tt.entries {
				d, err := partial.Descriptor(images[e.image])
				if err != nil {
					t.Fatal(err)
				}
				d.Annotations = map[string]string{"org.opencontainers.image.ref.name": e.ref}
				if e.full != "" {
					d.Annotations["io.containerd.image.name"] = e.full
				}
				im.Manifests = append(im.Manifests, *d)
			}
			raw, err := json.Marshal(im)
			if err != nil {
				t.Fatal(err)
			}
			path := saved(t, string(raw), "", blobs...)
			if tt.tag != "" {
				path += ":" + tt.tag
			}
			idx, err := disk.ReadImage(path)
			if images[tt.want] == nil {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("ReadImage = %v, want an error that says %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			root, err := oci.Root(idx)
			if err != nil || root.Digest.String() != imagetest.Digest(t, images[tt.want]) {
				t.Errorf("found %s, %v, want image %s", root.Digest, err, tt.want)
			}
		})
	}
}

// sameLayers checks that all layers can be read and are the same tars.
func sameLayers(t *testing.T, file string, got, want v1.Image) {
	t.Helper()
	gots, err := got.Layers()
	if err != nil {
		t.Fatal(err)
	}
	wants, err := want.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(gots) != len(wants) {
		t.Fatalf("%s: %d layers, want %d", file, len(gots), len(wants))
	}
	for i := range gots {
		var texts [2]string
		for j, l := range []v1.Layer{gots[i], wants[i]} {
			r, err := l.Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if err != nil {
				t.Fatalf("%s: layer %d: %v", file, i, err)
			}
			texts[j] = string(raw)
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: layer %d is another", file, i)
		}
	}
}

func TestReadImageRefusesBrokenDockerArchives(t *testing.T) {
	t.Parallel()
	for manifest, want := range map[string]string{
		`[]`: "no image",
		`{}`: "manifest.json",
		`[{"Config": "../../etc/passwd", "Layers": []}]`:                            "configuration",
		`[{"Config": "c", "Layers": ["x"]}]`:                                        "0 layers",
		`[{"Config": "one", "Layers": ["x"]}]`:                                      `layer "x": member "x": file does not exist`,
		`[{"Config": "c", "RepoTags": ["a:1"]}, {"Config": "one", "RepoTags": []}]`: "several images",
	} {
		file := filepath.Join(t.TempDir(), "x.tar")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(f)
		for name, body := range map[string]string{"manifest.json": manifest, "c": "{}",
			"one": `{"rootfs": {"diff_ids": ["sha256:` + strings.Repeat("0", 64) + `"]}}`} {
			if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := disk.ReadImage(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadImage with %s: %v, want %q", manifest, err, want)
		}
	}
}
