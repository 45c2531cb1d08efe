package disk_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// TestKindsAreWrittenAndRead: an image that a kind writes, to a path or a stream, is read again as the same image.
func TestKindsAreWrittenAndRead(t *testing.T) {
	t.Parallel()
	img := imagetest.Image(t, "amd64", imagetest.Layer(t, 500))
	for _, k := range disk.Kinds() {
		idx, err := oci.Wrap(img)
		if err != nil {
			t.Fatal(err)
		}
		if !k.Single {
			idx = imagetest.Index(map[string]v1.Image{"amd64": img})
		}
		place := filepath.Join(t.TempDir(), "image")
		if err := k.Write(t.Context(), place, "a:1", idx); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		root, err := oci.Root(idx)
		if err != nil {
			t.Fatal(err)
		}
		sameRoot(t, place, root.Digest.String())
		var out bytes.Buffer
		if err := k.Stream(t.Context(), &out, "a:1", idx); (err != nil) != k.Folder {
			t.Errorf("%s: streaming gives %v, want an error for a folder alone", k.Name, err)
		}
	}
}

func TestSplitKind(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][2]string{
		"oci:dir:v1":           {"oci", "dir:v1"},
		"oci-archive:-":        {"oci-archive", "-"},
		"docker-archive:f:a/b": {"docker-archive", "f:a/b"},
		"oci":                  {"", "oci"},
		"ghcr.io/a/b:1":        {"", "ghcr.io/a/b:1"},
		"ocidir:x":             {"", "ocidir:x"},
	} {
		k, rest, ok := disk.SplitKind(s)
		if k.Name != want[0] || rest != want[1] || ok != (want[0] != "") {
			t.Errorf("SplitKind(%q) = %q, %q, %v, want %q", s, k.Name, rest, ok, want)
		}
	}
}

func TestKindsCheckNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, name, fault string }{
		{"oci", "v1", ""}, {"oci", strings.Repeat("x", 128), ""}, {"oci", strings.Repeat("x", 129), "is not a tag"}, {"oci", "", ""}, {"oci", "a:b", "is not a tag"}, {"oci-archive", ".x", "is not a tag"},
		{"docker-archive", "app:1", ""}, {"docker-archive", "App:1", "docker-archive:FILE[:NAME]"},
	} {
		k, _, _ := disk.SplitKind(tt.kind + ":x")
		err := k.CheckName(tt.name)
		if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s: CheckName(%q) = %v, want %q", tt.kind, tt.name, err, tt.fault)
		}
	}
}

func TestSplitName(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string][2]string{
		"dir":                {"dir", ""},
		"dir:v1":             {"dir", "v1"},
		"a/b.tar:host:5/x:1": {"a/b.tar", "host:5/x:1"},
		`C:\images\app`:      {`C:\images\app`, ""},
		`C:\images\app:v1`:   {`C:\images\app`, "v1"},
		"d:/images:v1":       {"d:/images", "v1"},
		`images\app:v1`:      {`images\app`, "v1"},
		"c:v1":               {"c", "v1"},
		":v1":                {"", "v1"},
		"":                   {"", ""},
	} {
		if path, name := disk.SplitName(rest); path != want[0] || name != want[1] {
			t.Errorf("SplitName(%q) = %q, %q, want %q", rest, path, name, want)
		}
	}
}
