package push_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// TestReferrersOfALayout: what a layout has attached to an image is found, and does not stand in the image's way.
func TestReferrersOfALayout(t *testing.T) {
	t.Parallel()
	dir, idx := t.TempDir(), imagetest.Sample(t)
	if err := disk.WriteLayout(t.Context(), dir, "1", idx); err != nil {
		t.Fatal(err)
	}
	root, err := oci.Root(idx)
	if err != nil {
		t.Fatal(err)
	}
	blob := func(data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: "application/spdx+json", Digest: oci.SHA256(data), Size: int64(len(data))}
		if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", d.Digest.Hex), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return d
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "application/spdx+json",
		Config: blob([]byte("{}")), Layers: []v1.Descriptor{blob([]byte("document"))}, Subject: &root}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	entry := blob(raw)
	entry.MediaType, entry.ArtifactType = m.MediaType, m.ArtifactType
	file := filepath.Join(dir, "index.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	im, err := v1.ParseIndexManifest(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	im.Manifests = append(im.Manifests, entry)
	if text, err = json.Marshal(im); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := disk.ReadReferrers(dir)
	if err != nil || len(got) != 1 || got[0].Subject != root.Digest || !bytes.Equal(got[0].Manifest.Raw, raw) || len(got[0].Blobs) != 2 {
		t.Fatalf("ReadReferrers = %+v, %v", got, err)
	}
	rc, err := got[0].Blobs[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if data, err := io.ReadAll(rc); err != nil || string(data) != "document" {
		t.Errorf("its file is %q, %v", data, err)
	}
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/app:1"
	session, err := push.Registry{}.Begin(t.Context(), []string{ref}, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	session.Attach(func() (push.Attachments, error) {
		return push.Attachments{To: map[v1.Hash][]push.Artifact{root.Digest: {push.AsItIs(got[0].Manifest, got[0].Blobs)}}}, nil
	})
	if _, err := session.Push(t.Context(), idx); err != nil {
		t.Fatal(err)
	}
	_, list, err := push.Registry{}.Referrers(t.Context(), ref, "application/spdx+json")
	if err != nil || len(list) != 1 || list[0].Digest != got[0].Manifest.Desc.Digest {
		t.Errorf("Referrers = %+v, %v, want the layout's artifact", list, err)
	}
	if found, err := disk.ReadLayout(dir); err != nil || imagetest.Digest(t, found) != root.Digest.String() {
		t.Errorf("ReadLayout without a tag: %v", err)
	}
}
