package manifest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func list(t testing.TB, files []manifest.File) manifest.List {
	t.Helper()
	l, err := manifest.NewList(slices.Values(files))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func encode(t testing.TB, m manifest.Manifest) string {
	t.Helper()
	var text bytes.Buffer
	if err := m.Encode(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// A manifest lists the files of a bundle; its ID follows from what it says. A delta has only what its base has not.
func Example() {
	text := manifest.TextFile("app.yaml", manifest.Spec, []byte("packages: [musl]\n"))
	key := manifest.TextFile(manifest.KeyPath("me.rsa.pub"), manifest.Key, []byte("a key"))
	old, err := newManifest(key)
	if err != nil {
		log.Fatal(err)
	}
	whole, err := newManifest(key, text)
	if err != nil {
		log.Fatal(err)
	}
	delta, err := whole.Since(old)
	if err != nil {
		log.Fatal(err)
	}
	for f := range delta.Own() {
		fmt.Println(f.Kind, f.Path, f.Size)
	}
	fmt.Println("to the right base:", delta.Base == old.ID, "makes the whole:", delta.Whole == whole.ID)
	// Output:
	// spec app.yaml 17
	// to the right base: true makes the whole: true
}

func newManifest(files ...manifest.File) (manifest.Manifest, error) {
	l, err := manifest.NewList(slices.Values(files))
	if err != nil {
		return manifest.Manifest{}, err
	}
	return manifest.New([]string{"linux/amd64"}, l)
}

// TestTextSeeks reads a manifest from anywhere, as a tar of parts does.
func TestTextSeeks(t *testing.T) {
	t.Parallel()
	m, err := newManifest(manifest.TextFile("a.yaml", manifest.Spec, []byte("a")), manifest.TextFile("b.yaml", manifest.Spec, []byte("b")))
	if err != nil {
		t.Fatal(err)
	}
	want := encode(t, m)
	size, err := m.TextSize()
	if err != nil || size != int64(len(want)) {
		t.Fatalf("TextSize = %d, %v, want %d", size, err, len(want))
	}
	text := m.Text(size)
	for _, from := range []int64{size - 1, 0, 1, 100, size / 2, size} {
		if _, err := text.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(text); err != nil || string(got) != want[from:] {
			t.Errorf("from %d: %q, %v, want %q", from, got, err, want[from:])
		}
	}
	if _, err := text.Seek(-1, io.SeekStart); err == nil {
		t.Error("there is something before the beginning")
	}
}

func FuzzRead(f *testing.F) {
	m, err := newManifest(manifest.TextFile("a.yaml", manifest.Spec, []byte("a")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(encode(f, m)))
	f.Add([]byte("{\"version\":1,\"id\":\"\",\"platforms\":[],\"files\":[\n]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if again := encode(t, m); again != string(data) {
			t.Errorf("what was read of %q is written as %q", data, again)
		}
	})
}

func TestListKeepsFiles(t *testing.T) {
	t.Parallel()
	digest := sum(nil)
	want := []manifest.File{
		{Path: "alpine/main/x86_64/a-1.apk", Kind: manifest.Package, Size: 1 << 39, SHA256: digest, Checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			From: []string{"https://a/main/x86_64/a-1.apk", "https://b/main/x86_64/a-1.apk"}},
		{Path: "alpine/main/x86_64/b-1.apk", Kind: manifest.Package, SHA256: digest, Checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAE=",
			From: []string{"https://a/main/x86_64/b-1.apk", "https://b/main/x86_64/b-1.apk"}, Unlisted: true},
		{Path: "pyimg.yaml", Kind: manifest.Spec, Size: 7, SHA256: sum([]byte("spec")), InBase: true},
		{Path: "runtimes/abc-python.tar.gz", Kind: manifest.Runtime, SHA256: digest, From: []string{"https://c/3.14/python-x86_64.tar.gz", "python.tar.gz"}},
	}
	l := list(t, []manifest.File{want[3], want[1], want[0], want[2]})
	if diff := cmp.Diff(want, slices.Collect(l.All())); diff != "" || l.Len() != len(want) {
		t.Errorf("%d files, and they differ (-want +got):\n%s", l.Len(), diff)
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*manifest.File){
		"a path out of it": func(f *manifest.File) { f.Path = "../a" },
		"a short digest":   func(f *manifest.File) { f.SHA256 = f.SHA256[1:] },
		"capital hex":      func(f *manifest.File) { f.SHA256 = strings.ToUpper(sum([]byte("a"))) },
		"no kind":          func(f *manifest.File) { f.Kind = "" },
		"a checksum":       func(f *manifest.File) { f.Checksum = "Q1" },
	} {
		f := manifest.File{Path: "a.yaml", Kind: manifest.Spec, SHA256: sum(nil)}
		if _, err := manifest.NewList(slices.Values([]manifest.File{f})); err != nil {
			t.Fatal(err)
		}
		change(&f)
		if _, err := manifest.NewList(slices.Values([]manifest.File{f})); err == nil {
			t.Errorf("%s: %+v is taken, want an error", name, f)
		}
	}
}

// TestKindsHaveTheirPlaces lists files of each kind where they do not belong: there nothing would look at them.
func TestKindsHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	for kind, paths := range map[manifest.Kind][]string{ // the first one is right
		manifest.Index:   {"alpine/v3.20/main/x86_64/APKINDEX.tar.gz", "alpine/v3.20/main/x86_64/EVIL", "bin/evil", "APKINDEX.tar.gz", "images/APKINDEX.tar.gz"},
		manifest.Package: {"alpine/main/x86_64/a-1-r0.apk", "alpine/main/x86_64/APKINDEX.tar.gz", "a-1-r0.apk", "bin/a-1-r0.apk"},
		manifest.Key:     {"keys/a@b.rsa.pub", "runtimes/abc", "keys/x86_64/a.pub", "a.pub"},
		manifest.Runtime: {"runtimes/abc", "keys/abc", "runtimes/a/b", "abc"},
		manifest.Spec:    {"app.yaml", "app.yml", "sub/app.yaml", "runtimes/abc"},
		manifest.Lock:    {"app.lock", "app.json", "sub/app.lock"},
		manifest.Files:   {"files/app.tar", "files/app", "files/sub/app.tar", "app.tar"},
		manifest.Wheel:   {"wheels/a-1-py3-none-any.whl", "wheels/a.txt", "wheels/sub/a-1-py3-none-any.whl", "a-1-py3-none-any.whl"},
		manifest.Python:  {"python/app/abc.txt", "python/abc.txt", "python/app/sub/abc.txt", "runtimes/abc"},
		manifest.Image:   {"images/index.json", "images/payload", "images/blobs/sha512/00", "whatever/payload", "runtimes/abc"},
	} {
		for i, path := range paths {
			_, err := manifest.NewList(slices.Values([]manifest.File{{Path: path, Kind: kind, SHA256: sum(nil)}}))
			if right := i == 0; right != (err == nil) {
				t.Errorf("%s of kind %s: %v", path, kind, err)
			}
		}
	}
}

func TestReadManifestRefuses(t *testing.T) {
	t.Parallel()
	file := func(path string) manifest.File {
		return manifest.File{Path: path + ".yaml", Kind: manifest.Spec, SHA256: sum(nil)}
	}
	m := manifest.Manifest{Version: 1, Platforms: []string{"linux/amd64"}, Files: list(t, []manifest.File{file("a"), file("b")})}
	m.ID = "sha256:" + sum([]byte(encode(t, m)))
	good := encode(t, m)
	if _, err := manifest.Read(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	m.Platforms = []string{"linux/amd64\x1b[2J"}
	odd := encode(t, m)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "not JSON"},
		{"a list", "[]", "not JSON"},
		{"a later version, in another form", "{\n  \"version\" : 2,\n", "version 2"},
		{"another form", strings.Replace(good, ":", ": ", 1), "not those that pyimg writes"},
		{"an unknown field", strings.Replace(good, `"kind"`, `"x":1,"kind"`, 1), "not those that pyimg writes"},
		{"cut off after a line", strings.Join(lines[:2], ""), "too early"},
		{"cut off in a line", good[:len(good)-20], "too early"},
		{"something behind", good + "\n", "follows it"},
		{"without its last file", lines[0] + lines[1] + lines[3], "altered"},
		{"a file behind the last", lines[0] + lines[2] + lines[1] + lines[3], "follows its last file"},
		{"another digest", strings.Replace(good, "linux/amd64", "linux/arm64", 1), "digest"},
		{"a platform that is none", odd, "is no platform"},
		{"a file twice", lines[0] + lines[1] + lines[1] + lines[2] + lines[3], "out of order"},
		{"a long line", lines[0] + strings.Repeat(" ", 2<<20), "a line of more than"},
	} {
		if _, err := manifest.Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ReadManifest = %v, want %q", c.name, err, c.want)
		}
	}
}
