package index_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/requirements"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

var (
	_ requirements.Finder = (*index.Chain)(nil)
	_ pylock.Completer    = (*index.Chain)(nil)
)

// server answers by address, with the media type before the first blank.
type server map[string]string

func (s server) Open(_ context.Context, address, accept string) (*index.Response, error) {
	text, ok := s[address]
	if !ok {
		return nil, fmt.Errorf("GET %s: %w", address, fs.ErrNotExist)
	}
	media, body, _ := strings.Cut(text, " ")
	if media == "down" {
		return nil, errors.New("connection refused")
	}
	if strings.Contains(media, "json") && !strings.Contains(accept, "json") {
		return nil, errors.New("JSON was not asked for")
	}
	return &index.Response{Body: io.NopCloser(strings.NewReader(body)), ContentType: media}, nil
}

const (
	sum     = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	address = "https://x.example/simple/foo/"
	asJSON  = "application/vnd.pypi.simple.v1+json "
)

func project(t *testing.T, s server) ([]index.File, bool, error) {
	t.Helper()
	r, err := index.NewRemote("https://x.example/simple", s)
	if err != nil {
		t.Fatal(err)
	}
	return r.Project(t.Context(), "Foo")
}

// describe is a file in one line.
func describe(files []index.File) (lines []string) {
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%s %s %d %s %q yanked %v metadata %v %s", f.Filename.Text, f.URL, f.Size, f.Hashes["sha256"], f.RequiresPython, f.Yanked, f.Metadata, f.MetadataHashes["sha256"]))
	}
	return lines
}

func TestPages(t *testing.T) {
	t.Parallel()
	want := []string{
		`foo-1.0-py3-none-any.whl https://x.example/files/foo-1.0-py3-none-any.whl 7 ` + sum + ` ">=3.8,<4" yanked false metadata true ` + sum,
		`foo-2.0-py3-none-any.whl https://cdn.example/foo-2.0-py3-none-any.whl 0  "" yanked true metadata true `,
		`foo-3.0-py3-none-any.whl https://x.example/simple/foo/foo-3.0-py3-none-any.whl 0  "" yanked false metadata false `,
	}
	got, found, err := project(t, server{address: asJSON + `{"meta":{"api-version":"1.4"},"unknown":[1],"files":[
		{"filename":"foo-1.0-py3-none-any.whl","url":"../../files/foo-1.0-py3-none-any.whl","hashes":{"sha256":"` + sum + `","md5":"0"},"size":7,"requires-python":">=3.8,<4","core-metadata":{"sha256":"` + sum + `"},"yanked":false},
		{"filename":"foo-2.0-py3-none-any.whl","url":"https://cdn.example/foo-2.0-py3-none-any.whl","hashes":{},"dist-info-metadata":true,"yanked":"broken"},
		{"filename":"foo-1.0.tar.gz","url":"x","hashes":{}},{"filename":"not a wheel.whl","url":"x","hashes":{}},{"filename":"foo-4.0-py3-none-any.whl","url":"file:///etc/passwd","hashes":{}},
		{"filename":"foo-3.0-py3-none-any.whl","url":"foo-3.0-py3-none-any.whl","hashes":{},"requires-python":"odd","yanked":""}]}`})
	if diff := cmp.Diff(want, describe(got)); diff != "" || !found || err != nil {
		t.Errorf("JSON: %v, %v\n%s", found, err, diff)
	}
	want[0] = strings.Replace(want[0], " 7 ", " 0 ", 1)
	got, found, err = project(t, server{address: `text/html;charset=utf-8 <!DOCTYPE html><META name="pypi:repository-version" content="1.0">
		<a href="../../files/foo-1.0-py3-none-any.whl#sha256=` + sum + `" data-requires-python="&gt;=3.8,&lt;4" data-core-metadata="sha256=` + sum + `">foo</a>
		<A HREF='https://cdn.example/foo-2.0-py3-none-any.whl' data-dist-info-metadata=true data-yanked>x</A><a>no link</a><a href="foo-1.0.tar.gz">x</a>
		<a href="file:///foo-4.0-py3-none-any.whl"></a><!-- <a href="foo-9.0-py3-none-any.whl"></a> --><a href=foo-3.0-py3-none-any.whl data-core-metadata=false>x`})
	if diff := cmp.Diff(want, describe(got)); diff != "" || !found || err != nil {
		t.Errorf("HTML: %v, %v\n%s", found, err, diff)
	}
}

func TestPagesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		asJSON + `{"files":`:                                            "JSON",
		asJSON + `{"meta":{"api-version":"2.0"}}`:                       "API version",
		`text/html <meta name="pypi:repository-version" content="2.0">`: "API version",
		`image/png x`: "not a list",
		"down ":       "connection refused",
		"text/html " + strings.Repeat("<a href=x>", 100_001): "more than",
		"text/html " + strings.Repeat(" ", 64<<20) + " ":     "too large",
	} {
		if _, _, err := project(t, server{address: text}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%.60q: %v, want an error with %q", text, err, want)
		}
	}
	if _, found, err := project(t, server{}); found || err != nil {
		t.Errorf("a project that is not there: %v, %v", found, err)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"", "ftp://x", "x.example/simple", "https://", "https://u:secret@x.example:port/"} {
		if _, err := index.NewRemote(a, server{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("NewRemote(%q): %v, want an error without a password", a, err)
		}
	}
	r, err := index.NewRemote("https://x.example/simple/", server{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Project(t.Context(), "../evil"); err == nil {
		t.Error("a name that leads elsewhere is taken")
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	const wheel = "https://x.example/simple/foo/foo-1.0-py3-none-any.whl"
	page := `text/html <a href="foo-1.0-py3-none-any.whl" data-core-metadata="sha256=` + sum + `">`
	read := func(page, metadata string) error {
		s := server{address: page, wheel + ".metadata": "text/plain " + metadata}
		files, _, err := project(t, s)
		if err != nil || len(files) != 1 {
			t.Fatal(err)
		}
		r, err := index.NewRemote("https://x.example/simple/", s)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Metadata(t.Context(), files[0])
		if err == nil && m.Name != "foo" {
			t.Errorf("name %q", m.Name)
		}
		return err
	}
	if err := read(page, "Name: foo\nVersion: 1.0\n"); err == nil || !strings.Contains(err.Error(), "hash") {
		t.Errorf("other bytes: %v, want an error about the hash", err)
	}
	if err := read(strings.Replace(page, "sha256="+sum, "true", 1), "Name: foo\nVersion: 1.0\n"); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	at := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Flat_One-1.0-py3-none-any.whl", "")
	write(t, dir, "other.txt", "")
	write(t, dir, "simple/foo/index.html", `<a href="../../files/foo-1.0-py3-none-any.whl#sha256=`+sum+`"></a><a href="../../../../../etc/foo-2.0-py3-none-any.whl"></a><a href="https://cdn.example/foo-3.0-py3-none-any.whl"></a>`)
	write(t, dir, "bar/index.json", `{"files":[{"filename":"bar-1.0-py3-none-any.whl","url":"bar-1.0-py3-none-any.whl"}]}`)
	f, err := index.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"flat.one": {"Flat_One-1.0-py3-none-any.whl"},
		"foo":      {"files/foo-1.0-py3-none-any.whl", "etc/foo-2.0-py3-none-any.whl", ""},
		"bar":      {"bar/bar-1.0-py3-none-any.whl"},
	} {
		files, found, err := f.Project(t.Context(), name)
		if err != nil || !found || len(files) != len(want) {
			t.Errorf("%s: %v, %v, %d files", name, found, err, len(files))
			continue
		}
		for i, w := range want {
			if w != "" && files[i].Path != filepath.Join(dir, filepath.FromSlash(w)) || (w == "") != (files[i].URL != "") {
				t.Errorf("%s: path %q, URL %q, want %q", name, files[i].Path, files[i].URL, w)
			}
		}
	}
	if _, found, err := f.Project(t.Context(), "none"); found || err != nil {
		t.Errorf("a project that is not there: %v, %v", found, err)
	}
	if _, err := index.OpenFolder(filepath.Join(dir, "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestChainAsksOnlyTheFirstIndexThatHasTheProject(t *testing.T) {
	t.Parallel()
	private, public := t.TempDir(), t.TempDir()
	write(t, private, "foo-1.0-py3-none-any.whl", "")
	write(t, public, "foo-2.0-py3-none-any.whl", "")
	write(t, public, "bar-1.0-cp313-cp313-musllinux_1_2_x86_64.whl", "")
	var indexes []index.Index
	for _, dir := range []string{private, public} {
		f, err := index.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, f)
	}
	chain := index.NewChain(indexes...)
	if files, err := chain.Files(t.Context(), "foo"); err != nil || len(files) != 1 || files[0].Filename.Version.String() != "1.0" {
		t.Errorf("foo: %v, %v", files, err)
	}
	if files, err := chain.Files(t.Context(), "bar"); err != nil || len(files) != 1 {
		t.Errorf("bar: %v, %v", files, err)
	}
	if files, err := chain.Files(t.Context(), "none"); err != nil || len(files) != 0 {
		t.Errorf("none: %v, %v", files, err)
	}
	down, err := index.NewRemote("https://x.example/simple/", server{address: "down "})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.NewChain(down, indexes[0]).Files(t.Context(), "foo"); err == nil {
		t.Error("an index that does not answer is skipped")
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	r, err := index.NewRemote("https://x.example/simple/", server{address: asJSON + `{"files":[
		{"filename":"foo-1.0-py3-none-any.whl","url":"a"},{"filename":"foo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl","url":"b","yanked":true},
		{"filename":"foo-1.0-cp313-cp313-musllinux_1_1_x86_64.whl","url":"c","requires-python":"<3"},{"filename":"foo-2.0-py3-none-any.whl","url":"d","yanked":true},{"filename":"foo-3.0-py2-none-any.whl","url":"e"}]}`})
	if err != nil {
		t.Fatal(err)
	}
	chain := index.NewChain(r)
	to, err := target.New("linux/amd64", target.Python{Version: "3.13.5", Musl: "1.2", Machine: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]string{"1": "foo-1.0-py3-none-any.whl", "2.0": "foo-2.0-py3-none-any.whl", "3.0": "", "4.0": ""} {
		v, err := version.Parse(number)
		if err != nil {
			t.Fatal(err)
		}
		f, err := chain.Complete(t.Context(), "foo", v, to)
		if f.Filename.Text != want || (want == "") != errors.Is(err, source.ErrNoFit) {
			t.Errorf("%s: %q, %v, want %q", number, f.Filename.Text, err, want)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add("text/html", `<base href="//y.example/"><a href="foo-1.0-py3-none-any.whl#sha256=`+sum+`" data-yanked data-core-metadata=true>`)
	f.Add("application/json", `{"files":[{"filename":"foo-1.0-py3-none-any.whl","url":"x","core-metadata":{"sha256":"`+sum+`"},"yanked":"x"}]}`)
	f.Fuzz(func(t *testing.T, media, body string) {
		if strings.Contains(media, " ") {
			return
		}
		files, _, err := project(t, server{address: media + " " + body})
		for _, file := range files {
			if err != nil || !strings.HasPrefix(file.URL, "http") || file.Size < 0 {
				t.Errorf("%+v, %v", file, err)
			}
		}
	})
}

// TestSharedIndex reads an index in both of its forms.
func TestSharedIndex(t *testing.T) {
	t.Parallel()
	dir := "../../../shared/conformance/wheels/index"
	names, err := os.ReadDir(filepath.Join(dir, "simple"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the conformance data of ../shared")
	}
	if err != nil {
		t.Fatal(err)
	}
	folder, err := index.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !n.IsDir() {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, "simple", n.Name(), "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		s := server{"https://x.example/simple/" + n.Name() + "/": "text/html " + string(page)}
		r, err := index.NewRemote("https://x.example/simple/", s)
		if err != nil {
			t.Fatal(err)
		}
		remote, _, err := r.Project(t.Context(), n.Name())
		if err != nil {
			t.Fatal(err)
		}
		local, found, err := folder.Project(t.Context(), n.Name())
		if err != nil || !found || len(local) == 0 {
			t.Fatalf("%s: %v, %v", n.Name(), found, err)
		}
		for i := range local {
			if local[i].Size == 0 || len(local[i].Hashes) == 0 {
				t.Errorf("%s has no size or hash", local[i].Filename.Text)
			}
			local[i].Size, local[i].Path, remote[i].URL = 0, "", ""
		}
		if diff := cmp.Diff(describe(remote), describe(local)); diff != "" {
			t.Errorf("%s (-HTML +JSON):\n%s", n.Name(), diff)
		}
		metadata, err := os.ReadFile(filepath.Join(dir, "metadata", remote[0].Filename.Text+".metadata"))
		if err != nil {
			t.Fatal(err)
		}
		remote[0].URL = "https://x.example/w.whl"
		s["https://x.example/w.whl.metadata"] = "text/plain " + string(metadata)
		if m, err := r.Metadata(t.Context(), remote[0]); err != nil || m.Version.Compare(remote[0].Filename.Version) != 0 {
			t.Errorf("%s: %v", n.Name(), err)
		}
	}
}
