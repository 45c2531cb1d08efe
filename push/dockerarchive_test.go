package push_test

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pyimg/pyimg/push"
)

// oldImage is an image of which one layer stands twice.
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

// writeOld writes an image as "docker save" did before it wrote layouts: plain tars, and a link for one that stands twice.
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
	for _, file := range []string{plain, plain + ":1", plain + ":example.org/a:1", gz} {
		idx, err := push.ReadImage(file)
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

// sameLayers wants all layers' bytes to be there and to be the same tars.
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
		`[{"Config": "../../etc/passwd", "Layers": []}]`:                          "configuration",
		`[{"Config": "c", "Layers": ["x"]}]`:                                      "0 layers",
		`[{"Config": "one", "Layers": ["x"]}]`:                                    `no layer "x"`,
		`[{"Config": "c", "RepoTags": ["a:1"]}, {"Config": "c", "RepoTags": []}]`: "several images",
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
		if _, err := push.ReadImage(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadImage with %s: %v, want %q", manifest, err, want)
		}
	}
}
