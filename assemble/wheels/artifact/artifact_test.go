package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
)

// memory is a registry by URL.
type memory map[string][]byte

func (m memory) Open(_ context.Context, location string) (io.ReadCloser, error) {
	data, ok := m[location]
	if !ok {
		return nil, fmt.Errorf("%s: %w", location, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

const repository = "registry.example/team/wheels"

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (m memory) blob(data []byte, mediaType string) artifact.Descriptor {
	d := artifact.Descriptor{MediaType: mediaType, Digest: digestOf(data), Size: int64(len(data))}
	m[registryurl.Location{Repository: repository, Blob: d.Digest, Name: d.Digest[len("sha256:"):]}.String()] = data
	return d
}

func (m memory) manifest(d artifact.Document, tag string) artifact.Descriptor {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err) // a test's own value
	}
	for _, name := range []string{digestOf(raw), tag} {
		if name != "" {
			m[registryurl.Location{Repository: repository, Manifest: name}.String()] = raw
		}
	}
	return artifact.Descriptor{MediaType: artifact.ManifestMedia, ArtifactType: d.ArtifactType, Digest: digestOf(raw), Size: int64(len(raw))}
}

// newMemory has an index with a manifest.json under the tag v1.
func newMemory(contents string) memory {
	m := make(memory)
	list := m.manifest(artifact.Document{ArtifactType: artifact.ListType, Layers: []artifact.Descriptor{m.blob([]byte(contents), artifact.ContentsMedia)}}, "")
	m.manifest(artifact.Document{ArtifactType: artifact.IndexType, Manifests: []artifact.Descriptor{list}}, "v1")
	return m
}

func open(t testing.TB, m memory) *artifact.Index {
	t.Helper()
	ref, err := registryurl.ParseReference("oci:" + repository + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	return artifact.NewIndex(ref, m)
}

//nolint:gochecknoglobals // a value that many tests use
var sum = strings.Repeat("ab", 32)

func record(file, more string) string {
	return fmt.Sprintf(`{"file":%q,"sha256":%q,"size":3,"metadata":%q%s}`, file, sum, sum, more)
}

func list(records ...string) string {
	return `{"version":1,"wheels":[` + strings.Join(records, ",") + `]}`
}

func TestIndex(t *testing.T) {
	t.Parallel()
	x := open(t, newMemory(list(record("Foo_Bar-1.0-py3-none-any.whl", `,"requires_python":">=3.8","yanked":"bad"`))))
	files, found, err := x.Project(t.Context(), "foo.bar")
	if err != nil || !found || len(files) != 1 {
		t.Fatalf("%v, %v, %v", files, found, err)
	}
	f := files[0]
	if want := "oci://" + repository + "/blobs/sha256:" + sum + "/Foo_Bar-1.0-py3-none-any.whl"; f.URL != want {
		t.Errorf("the wheel is at %q, want %q", f.URL, want)
	}
	if !f.Yanked || f.RequiresPython.String() != ">=3.8" || f.Hashes["sha256"] != sum || f.Size != 3 || !f.Metadata {
		t.Errorf("the wheel is %+v", f)
	}
	if _, found, err := x.Project(t.Context(), "other"); found || err != nil {
		t.Errorf("other is found: %v, %v", found, err)
	}
	if !strings.HasPrefix(x.Digest(), "sha256:") {
		t.Errorf("its digest is %q", x.Digest())
	}
}

// TestHostileLists has lists that somebody else wrote.
func TestHostileLists(t *testing.T) {
	t.Parallel()
	good := record("foo-1.0-py3-none-any.whl", "")
	for name, contents := range map[string]string{
		"a path for a name":  list(record("../foo-1.0-py3-none-any.whl", "")),
		"a path in a tag":    list(record("foo-1.0-py3-none-../../../etc.whl", "")),
		"one name twice":     list(good, good),
		"no hash":            list(`{"file":"foo-1.0-py3-none-any.whl","sha256":"","size":3,"metadata":"` + sum + `"}`),
		"a hash with a path": list(strings.Replace(good, sum, "../"+sum[3:], 1)),
		"no size":            list(strings.Replace(good, `"size":3`, `"size":-1`, 1)),
		"another version":    `{"version":2,"wheels":[]}`,
		"truncated":          list(good)[:40],
		"nothing":            "",
	} {
		_, _, err := open(t, newMemory(contents)).Project(t.Context(), "foo")
		if err == nil || exit.Of(err) != exit.Unverified {
			t.Errorf("%s: exit code %d, %v", name, exit.Of(err), err)
		}
	}
}

// TestOtherBytes has a list that is not the one that the index names.
func TestOtherBytes(t *testing.T) {
	t.Parallel()
	m := newMemory(list())
	for at, data := range m {
		if strings.Contains(at, "/blobs/") {
			m[at] = bytes.Replace(data, []byte("1"), []byte("2"), 1)
		}
	}
	if _, _, err := open(t, m).Project(t.Context(), "foo"); exit.Of(err) != exit.Unverified {
		t.Errorf("exit code %d, %v", exit.Of(err), err)
	}
	if _, _, err := open(t, make(memory)).Project(t.Context(), "foo"); err == nil || !strings.Contains(err.Error(), "there is no index of wheels") {
		t.Errorf("no index: %v", err)
	}
}

// TestWhatTheRegistryLacks: a copy of an index that is not finished is told apart from a forged one.
func TestWhatTheRegistryLacks(t *testing.T) {
	t.Parallel()
	m := newMemory(list())
	for at := range m {
		if strings.Contains(at, "/blobs/") {
			delete(m, at)
		}
	}
	if _, _, err := open(t, m).Project(t.Context(), "foo"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v, want one of what is missing", err)
	}
}

// FuzzParseDocument reads what a registry may send: it gives digests that can be asked for, or an error.
func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"artifactType":"` + artifact.IndexType + `","manifests":[{"digest":"` + digestOf(nil) + `","size":1}]}`))
	f.Add([]byte(`{"artifactType":"` + artifact.IndexType + `","layers":null,"manifests":[{}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := artifact.ParseDocument(raw, artifact.IndexType)
		if err != nil {
			return
		}
		for _, m := range d.Manifests {
			if len(m.Digest) != 71 || m.Size < 0 {
				t.Errorf("%q is taken as a descriptor: %+v", raw, m)
			}
		}
	})
}

// FuzzParseList reads lists that somebody else wrote: what is taken has a name without a path and a hash.
func FuzzParseList(f *testing.F) {
	f.Add([]byte(list(record("foo-1.0-py3-none-any.whl", ""))))
	f.Fuzz(func(t *testing.T, text []byte) {
		projects, err := artifact.ParseList(text, repository)
		if err != nil {
			return
		}
		for _, files := range projects {
			for _, w := range files {
				if strings.ContainsAny(w.Filename.Text, `/\`) || len(w.Hashes["sha256"]) != 64 {
					t.Errorf("%q is taken as a list: %+v", text, w)
				}
				if _, err := registryurl.ParseLocation(w.URL); err != nil {
					t.Errorf("%q: %v", w.URL, err)
				}
			}
		}
	})
}
