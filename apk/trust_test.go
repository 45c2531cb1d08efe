package apk_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// x86Key is one of Alpine's keys by name, not by content.
const x86Key = "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"

func buildIndex(t testing.TB, ix fixture.Index) []byte {
	t.Helper()
	if ix.Arch == "" {
		ix.Arch = "x86_64"
	}
	if ix.Archives == nil {
		ix.Archives = []*fixture.Archive{
			apktest.Build(t, fixture.Package{Name: "hello", Version: "1-r0", Arch: ix.Arch}),
			apktest.Build(t, fixture.Package{Name: "docs", Version: "2-r0"}),
		}
	}
	b, err := ix.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadIndexOfTrustedSigners(t *testing.T) {
	t.Parallel()
	test, other := fixture.TestKey(), fixture.OtherKey()
	tests := []struct {
		name string
		ix   fixture.Index
		ring *apk.Keyring
	}{
		{"SHA-1", fixture.Index{SignHash: crypto.SHA1}, apktest.Ring(t, test)},
		{"SHA-256", fixture.Index{SignHash: crypto.SHA256}, apktest.Ring(t, test)},
		{"SHA-512", fixture.Index{SignHash: crypto.SHA512}, apktest.Ring(t, test)},
		{"second signature", fixture.Index{SignWith: []*fixture.Key{other, test}}, apktest.Ring(t, test)},
		{"key file renamed", fixture.Index{}, apktest.Ring(t, test.Named("mine.pub"))},
		{"another key has that name", fixture.Index{}, apktest.Ring(t, other.Named(test.Name), test.Named("mine.pub"))},
		{"name with a path in it", fixture.Index{SignWith: []*fixture.Key{test.Named("../../etc/passwd")}}, apktest.Ring(t, test)},
		{"unsigned, anything goes", fixture.Index{SignWith: []*fixture.Key{}}, nil},
		{"signed by anyone, anything goes", fixture.Index{SignWith: []*fixture.Key{other}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.ix.Description = "a test"
			repository := &apk.Repository{Tag: "edge"}
			o := apk.IndexOptions{Arch: "x86_64", Keyring: tt.ring, Repository: repository}
			index, err := apk.ReadIndex(bytes.NewReader(buildIndex(t, tt.ix)), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(slices.Collect(index.Packages())); got != "[hello-1-r0 docs-2-r0]" {
				t.Errorf("Packages = %s", got)
			}
			if index.Description != "a test" || slices.Collect(index.Packages())[0].Repository != repository {
				t.Errorf("Description %q, Repository %v: not what was given", index.Description, repository)
			}
		})
	}
}

func TestReadIndexOfUntrustedSigners(t *testing.T) {
	t.Parallel()
	test, other := fixture.TestKey(), fixture.OtherKey()
	good := buildIndex(t, fixture.Index{})
	tests := []struct {
		name  string
		index []byte
		ring  *apk.Keyring
		want  error
		text  []string
	}{
		{"not signed", buildIndex(t, fixture.Index{SignWith: []*fixture.Key{}}), apktest.Ring(t, test), apk.ErrNotSigned,
			[]string{"--allow-untrusted"}},
		{"unknown key", good, apktest.Ring(t, other), apk.ErrUnknownKey,
			[]string{test.Name, other.Name, "--keyring DIR", "alpine.keys"}},
		{"empty keyring", good, apktest.Ring(t), apk.ErrUnknownKey, []string{test.Name, "keyring is empty"}},
		{"altered", fixture.FlipByte(good, -40), apktest.Ring(t, test), apk.ErrAltered, []string{test.Name}},
		{"altered trailer", append(bytes.Clone(good), good[len(good)-600:]...), apktest.Ring(t, test), apk.ErrAltered, nil},
		{"signature of something else", append(bytes.Clone(good[:gzipEnd(t, good)]),
			buildIndex(t, fixture.Index{SignWith: []*fixture.Key{}, Description: "x"})...), apktest.Ring(t, test), apk.ErrAltered, nil},
		{"truncated", fixture.Cut(good, -100), apktest.Ring(t, test), io.ErrUnexpectedEOF, []string{"truncated"}},
		{"truncated signature", fixture.Cut(good, 60), apktest.Ring(t, test), io.ErrUnexpectedEOF, []string{"truncated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := apk.IndexOptions{Arch: "x86_64", Keyring: tt.ring, Name: "https://mirror/APKINDEX.tar.gz"}
			_, err := apk.ReadIndex(bytes.NewReader(tt.index), o)
			if !errors.Is(err, tt.want) {
				t.Fatalf("ReadIndex = %v, want %v", err, tt.want)
			}
			for _, text := range append(tt.text, o.Name) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("ReadIndex = %v, want %q in it", err, text)
				}
			}
		})
	}
}

// gzipEnd is where the first gzip member of a file ends: the next begins there.
func gzipEnd(t testing.TB, file []byte) int {
	t.Helper()
	i := bytes.Index(file[1:], []byte{0x1f, 0x8b, 8})
	if i < 0 {
		t.Fatal("no second gzip member")
	}
	return i + 1
}

func TestReadIndexRefuses(t *testing.T) {
	t.Parallel()
	noIndex := apktest.Build(t, fixture.Package{Name: "hello", Version: "1-r0"})
	tests := []struct {
		name  string
		index []byte
		want  []string
	}{
		{"apk v3", []byte("ADBd and so on"), []string{"v3", "not supported"}},
		{"no index", append(noIndex.Control, noIndex.Data...), []string{"it has no APKINDEX"}},
		{"no gzip", []byte("<html>404</html>"), []string{"gzip"}},
		{"nothing", nil, []string{"truncated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := apk.ReadIndex(bytes.NewReader(tt.index), apk.IndexOptions{Arch: "x86_64", Name: "NAME"})
			for _, text := range append(tt.want, "NAME") {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("ReadIndex = %v, want %q in it", err, text)
				}
			}
		})
	}
}

// TestReadIndexThatBreaksOff: what the network did is no fault of a signature.
func TestReadIndexThatBreaksOff(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line broke")
	for _, text := range []string{"", "  ", "\x1f\x8b"} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		_, err := apk.ReadIndex(r, apk.IndexOptions{Arch: "x86_64", Name: "NAME", Keyring: apk.NewKeyring()})
		if !errors.Is(err, broken) || errors.Is(err, apk.ErrNotSigned) {
			t.Errorf("after %q: ReadIndex = %v, want %v", text, err, broken)
		}
	}
}

// TestReadIndexArchitectures has a package of another architecture, which cannot be chosen, and one that names none, which
// is of the index's.
func TestReadIndexArchitectures(t *testing.T) {
	t.Parallel()
	text := "C:Q1" + strings.Repeat("A", 27) + "=\nP:hello\nV:1-r0\nI:1\n\nC:Q1" + strings.Repeat("A", 26) + "E=\nP:alien\nV:1-r0\nA:aarch64\nI:1\n"
	var file bytes.Buffer
	zw := gzip.NewWriter(&file)
	tw := tar.NewWriter(zw)
	if err := errors.Join(tw.WriteHeader(&tar.Header{Name: "APKINDEX", Mode: 0o644, Size: int64(len(text))}),
		second(io.WriteString(tw, text)), tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	x, err := apk.ReadIndex(&file, apk.IndexOptions{Arch: "x86_64", Repository: &apk.Repository{Mirrors: []string{"/m"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := solve.Solve(apktest.World(t, "hello"), []*apk.Index{x}, solve.Options{})
	if err != nil || len(got.Packages) != 1 || got.Packages[0].URLs()[0] != "/m/x86_64/hello-1-r0.apk" {
		t.Errorf("Solve = %v, %v, want hello of x86_64", got.Packages, err)
	}
	for _, d := range []apk.Dialect{apk.Dialect2, apk.Dialect3} {
		_, err = solve.Solve(apktest.World(t, "alien"), []*apk.Index{x}, solve.Options{Dialect: d})
		if want := "alien-1-r0 cannot be installed: it is for aarch64, not for x86_64"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Solve = %v, want %q", err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Alpine's own keys and the index that they signed.
func TestAlpineKeysSignForTheirArchOnly(t *testing.T) {
	t.Parallel()
	file := readFile(t, apktest.Shared(t, "conformance/v3.17/main/aarch64/APKINDEX.tar.gz"))
	ring := apk.NewKeyring()
	if err := ring.AddPath(apktest.Shared(t, "alpine-keys")); err != nil {
		t.Fatal(err)
	}
	if _, err := apk.ReadIndex(bytes.NewReader(file), apk.IndexOptions{Arch: "aarch64", Keyring: ring}); err != nil {
		t.Errorf("ReadIndex of Alpine's index = %v", err)
	}
	_, err := apk.ReadIndex(bytes.NewReader(file), apk.IndexOptions{Arch: "x86_64", Keyring: ring})
	if !errors.Is(err, apk.ErrKeyArch) || !strings.Contains(err.Error(), "aarch64 does not sign for x86_64") {
		t.Errorf("ReadIndex for another architecture = %v, want %v", err, apk.ErrKeyArch)
	}
}

func TestAlpineKeysAreRecognised(t *testing.T) {
	t.Parallel()
	dir := apktest.Shared(t, "alpine-keys")
	for _, k := range apk.AlpineKeys() {
		ring := apk.NewKeyring()
		// Under another name: what binds a key is its fingerprint.
		if err := ring.Add("mine.pub", readFile(t, filepath.Join(dir, k.Name()))); err != nil {
			t.Error(err)
			continue
		}
		got := ring.Keys()[0]
		if got.Fingerprint != k.Fingerprint || fmt.Sprint(got.Arches) != fmt.Sprint(k.Arches) {
			t.Errorf("key %s: fingerprint %x for %v, want %x for %v", k.ID, got.Fingerprint, got.Arches, k.Fingerprint, k.Arches)
		}
	}
}

func TestAlpineKeysTable(t *testing.T) {
	t.Parallel()
	seen := make(map[[32]byte]bool)
	for _, k := range apk.AlpineKeys() {
		if seen[k.Fingerprint] || k.Fingerprint == [32]byte{} || len(k.Arches) == 0 || len(k.ID) != 8 {
			t.Errorf("key %+v: not a whole row of its own", k)
		}
		seen[k.Fingerprint] = true
		if !strings.HasPrefix(k.URL(), "https://alpinelinux.org/keys/") || !strings.HasSuffix(k.URL(), k.Name()) {
			t.Errorf("URL = %q", k.URL())
		}
	}
}

func TestMissingKeyIsAskedForOnce(t *testing.T) {
	t.Parallel()
	file := readFile(t, apktest.Shared(t, "conformance/v3.17/main/aarch64/APKINDEX.tar.gz"))
	dir := apktest.Shared(t, "alpine-keys")
	var asked atomic.Int32
	ring := apk.NewKeyring()
	ring.Missing = func(_ context.Context, k apk.AlpineKey) ([]byte, error) {
		asked.Add(1)
		return os.ReadFile(filepath.Join(dir, k.Name()))
	}
	for range 3 {
		if _, err := apk.ReadIndex(bytes.NewReader(file), apk.IndexOptions{Arch: "aarch64", Keyring: ring}); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("Missing was called %d times, want once", got)
	}
}

func TestMissingKeyMustBeTheOneWanted(t *testing.T) {
	t.Parallel()
	test := fixture.TestKey()
	index := buildIndex(t, fixture.Index{SignWith: []*fixture.Key{test.Named(x86Key)}})
	offline := errors.New("offline")
	for name, missing := range map[string]func(context.Context, apk.AlpineKey) ([]byte, error){
		"another key": func(context.Context, apk.AlpineKey) ([]byte, error) { return test.PublicPEM(), nil },
		"no key":      func(context.Context, apk.AlpineKey) ([]byte, error) { return []byte("<html>"), nil },
		"error":       func(context.Context, apk.AlpineKey) ([]byte, error) { return nil, offline },
	} {
		ring := apk.NewKeyring()
		ring.Missing = missing
		_, err := apk.ReadIndex(bytes.NewReader(index), apk.IndexOptions{Arch: "x86_64", Keyring: ring})
		if !errors.Is(err, apk.ErrUnknownKey) || !strings.Contains(err.Error(), "getting key") {
			t.Errorf("%s: ReadIndex = %v, want %v and why", name, err, apk.ErrUnknownKey)
		}
		if name == "error" && !errors.Is(err, offline) {
			t.Errorf("%s: ReadIndex = %v, want the cause", name, err)
		}
	}
}

func TestMissingIsNotAskedForStrangers(t *testing.T) {
	t.Parallel()
	ring := apktest.Ring(t, fixture.OtherKey())
	ring.Missing = func(_ context.Context, k apk.AlpineKey) ([]byte, error) {
		t.Errorf("asked for %q", k.Name())
		return nil, errors.New("unexpected")
	}
	if _, err := apk.ReadIndex(bytes.NewReader(buildIndex(t, fixture.Index{})), apk.IndexOptions{Keyring: ring}); err == nil {
		t.Error("ReadIndex succeeded")
	}
}

func TestKeyringAddPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.rsa.pub", fixture.TestKey().PublicPEM())
	write("two.pub", fixture.OtherKey().PublicPEM())
	write("README", []byte("no key"))
	write("private.pem", []byte("no public key"))
	ring := apk.NewKeyring()
	for range 2 {
		if err := ring.AddPath(dir); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, k := range ring.Keys() {
		names = append(names, k.Name)
	}
	if got := fmt.Sprint(names); got != "[one.rsa.pub two.pub]" {
		t.Errorf("Keys = %s, want the two *.pub, once each", got)
	}
}

func TestKeyringRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small := "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n" +
		"KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n-----END PUBLIC KEY-----\n"
	for name, tt := range map[string]struct{ data, want string }{
		"text":    {"no key", "not a PEM public key"},
		"private": {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a PEM public key"},
		"broken":  {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "parsing key"},
		"small":   {small, "512 bits"},
		"large":   {strings.Repeat("x", 100<<10), "larger than"},
	} {
		path := filepath.Join(dir, name+".pub")
		if err := os.WriteFile(path, []byte(tt.data), 0o600); err != nil {
			t.Fatal(err)
		}
		err := apk.NewKeyring().AddPath(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("AddPath(%q) = %v, want %q in it and the path", name, err, tt.want)
		}
	}
	if err := apk.NewKeyring().AddPath(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no *.pub file") {
		t.Errorf("AddPath of an empty folder = %v", err)
	}
	if err := apk.NewKeyring().AddPath(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("AddPath of nothing = %v", err)
	}
}

// files is an Opener over memory.
type files map[string][]byte

func (f files) Open(_ context.Context, url string) (io.ReadCloser, error) {
	data, ok := f[url]
	if !ok {
		return nil, fmt.Errorf("opening %q: %w", url, os.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func TestLoadIndexTriesMirrorsInTurn(t *testing.T) {
	t.Parallel()
	good := buildIndex(t, fixture.Index{})
	src := files{
		"http://b/x86_64/APKINDEX.tar.gz": fixture.FlipByte(good, -40),
		"http://c/x86_64/APKINDEX.tar.gz": good,
	}
	o := apk.IndexOptions{
		Arch: "x86_64", Keyring: apktest.Ring(t, fixture.TestKey()),
		Repository: &apk.Repository{Mirrors: []string{"http://a", "http://b", "http://c"}},
	}
	index, err := apk.LoadIndex(t.Context(), src, o)
	if err != nil || len(slices.Collect(index.Packages())) != 2 {
		t.Fatalf("LoadIndex = %v, %v, want the third mirror's", index, err)
	}
	o.Repository = &apk.Repository{Mirrors: []string{"http://a", "http://b"}}
	_, err = apk.LoadIndex(t.Context(), src, o)
	if !errors.Is(err, os.ErrNotExist) || !errors.Is(err, apk.ErrAltered) {
		t.Errorf("LoadIndex = %v, want what each mirror answered", err)
	}
}

func TestLoadIndexHidesPasswords(t *testing.T) {
	t.Parallel()
	o := apk.IndexOptions{Arch: "x86_64", Repository: &apk.Repository{Mirrors: []string{"https://me:secret@a/main"}}}
	src := files{"https://me:secret@a/main/x86_64/APKINDEX.tar.gz": []byte("junk")}
	_, err := apk.LoadIndex(t.Context(), src, o)
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "https://a/main/x86_64") {
		t.Errorf("LoadIndex = %v, want the URL without user and password", err)
	}
}

func TestLoadIndexStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := apk.IndexOptions{Repository: &apk.Repository{Mirrors: []string{"http://a", "http://b"}}}
	if _, err := apk.LoadIndex(ctx, files{}, o); err == nil || strings.Contains(err.Error(), "http://b") {
		t.Errorf("LoadIndex = %v, want no second mirror tried", err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
