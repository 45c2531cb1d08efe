package wheels_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func openStore(t testing.TB) *layers.Store {
	t.Helper()
	s, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func platform(t testing.TB, name string) spec.Platform {
	t.Helper()
	p, err := spec.ParsePlatform(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func site(t testing.TB, name string) wheels.Site {
	t.Helper()
	r := python.Report{Prefix: "/usr/local", Python: &python.Build{Version: "3.13.5"}}
	s, err := wheels.NewSite(platform(t, name), r, "1.2.5", "", func(p string) bool { return p == "usr/local/bin/python3" })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func file(t *testing.T, dir string, w wheeltest.Wheel) source.File {
	t.Helper()
	at := filepath.Join(dir, w.Filename())
	if err := os.WriteFile(at, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	name, err := tag.ParseFilename(w.Filename())
	if err != nil {
		t.Fatal(err)
	}
	return source.File{Filename: name, Path: at}
}

func TestSite(t *testing.T) {
	t.Parallel()
	s := site(t, "linux/arm/v7")
	if s.Interpreter != "/usr/local/bin/python3" || s.Scheme.Purelib != "usr/local/lib/python3.13/site-packages" || s.Target.ExtSuffix != ".cpython-313-arm-linux-musleabihf.so" {
		t.Errorf("the site is %s, %s, %s", s.Interpreter, s.Scheme.Purelib, s.Target.ExtSuffix)
	}
	threaded := python.Report{Prefix: "/opt/python", Python: &python.Build{Version: "3.14.0", FreeThreaded: true, SOABI: "cpython-314t-x86_64-linux-musl"}}
	s, err := wheels.NewSite(platform(t, "linux/amd64"), threaded, "1.2.5", "/app/lib", func(p string) bool { return p == "opt/python/bin/python3.14t" })
	if err != nil {
		t.Fatal(err)
	}
	if s.Interpreter != "/opt/python/bin/python3.14t" || s.Scheme.Platlib != "app/lib" || s.Scheme.Scripts != "app/lib/bin" || s.Tag != "cpython-314t" {
		t.Errorf("the site is %s, %+v, %s", s.Interpreter, s.Scheme, s.Tag)
	}
	if _, err := wheels.NewSite(platform(t, "linux/amd64"), python.Report{}, "1.2.5", "", nil); err == nil {
		t.Error("a runtime without Python is a site")
	}
}

// TestBring holds that a wheel is read once for all platforms and runs, and that a pure one is the same on all of them.
func TestBring(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), openStore(t)
	large := strings.Repeat("words that are not all alike\n", 10_000)
	w := wheeltest.Wheel{Name: "pure", Files: []wheeltest.File{{Name: "pure/__init__.py", Data: large}}, EntryPoints: "[console_scripts]\npure = pure:main\n", Metadata: "Requires-Dist: other\n"}
	f := file(t, dir, w)
	bring := func(platform string) wheels.Wheel {
		ws, err := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: store}).Bring(t.Context(), []source.File{f}, wheels.How{Site: site(t, platform)})
		if err != nil {
			t.Fatal(err)
		}
		return ws[0]
	}
	amd64 := bring("linux/amd64")
	if !amd64.Pure() || amd64.String() != "pure==1.0" || amd64.Size != int64(len(w.Bytes())) || !slices.Equal(amd64.Metadata.RequiresDist, []string{"other"}) {
		t.Errorf("the wheel is %+v", amd64)
	}
	sum := source.Hashes{"sha256": amd64.SHA256}
	f.Hashes = sum
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	arm64 := bring("linux/arm64")
	if arm64.Fragment != amd64.Fragment || len(arm64.Plan.Files) != len(amd64.Plan.Files) || arm64.Metadata.Name != "pure" || len(arm64.Plan.Scripts) != 1 {
		t.Errorf("on arm64 the wheel is %+v, want what it is on amd64, %+v", arm64, amd64)
	}
	var paths []string
	for e, err := range store.Entries(amd64.Fragment.Digest) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, e.Path())
	}
	for _, want := range []string{"usr/local/bin/pure", "usr/local/lib/python3.13/site-packages/pure/__init__.py", "usr/local/lib/python3.13/site-packages/pure-1.0.dist-info/RECORD"} {
		if !slices.Contains(paths, want) {
			t.Errorf("the fragment lacks %s: %q", want, paths)
		}
	}
}

func TestBringRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := wheeltest.Wheel{Name: "good"}
	with := func(w wheeltest.Wheel, change func(*source.File)) source.File {
		f := file(t, dir, w)
		change(&f)
		return f
	}
	other := strings.Repeat("0", 64)
	for name, f := range map[string]source.File{
		"hash": with(good, func(f *source.File) { f.Hashes = source.Hashes{"sha256": other} }),
		"any of": with(good, func(f *source.File) {
			f.AnyOf = []source.Hash{{Name: "sha256", Digest: other}, {Name: "sha512", Digest: other + other}}
		}),
		"size":   with(good, func(f *source.File) { f.Size = 5 }),
		"record": with(wheeltest.Wheel{Name: "forged", Replace: map[string]string{"RECORD": "forged-1.0.dist-info/METADATA,,1\n"}}, func(*source.File) {}),
		"no zip": with(wheeltest.Wheel{Name: "empty", Replace: map[string]string{"WHEEL": "-"}}, func(*source.File) {}),
	} {
		_, err := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: openStore(t)}).Bring(t.Context(), []source.File{f}, wheels.How{Site: site(t, "linux/amd64")})
		if damaged := (*wheels.WheelError)(nil); !errors.As(err, &damaged) {
			t.Errorf("%s: Bring = %v, want a WheelError", name, err)
		}
		if says := strings.Contains(fmt.Sprint(err), "wheels for other platforms"); says != (name == "any of") {
			t.Errorf("%s: Bring = %v, want a hint at other platforms only where requirements have several hashes", name, err)
		}
	}
	two := []source.File{with(good, func(f *source.File) { f.Size = 5 }), with(wheeltest.Wheel{Name: "second"}, func(f *source.File) { f.Size = 6 })}
	_, err := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: openStore(t)}).Bring(t.Context(), two, wheels.How{Site: site(t, "linux/amd64")})
	if err == nil || !strings.Contains(err.Error(), "good-1.0") || !strings.Contains(err.Error(), "second-1.0") {
		t.Errorf("Bring of two bad wheels = %v, want both", err)
	}
}

// TestIndexes takes a wheel from a server that has HTML and JSON.
func TestIndexes(t *testing.T) {
	t.Parallel()
	w := wheeltest.Wheel{Name: "good"}
	var asked, negotiated atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/simple/good/":
			asked.Add(1)
			if strings.HasPrefix(r.Header.Get("Accept"), "application/vnd.pypi.simple.v1+json") {
				negotiated.Add(1)
			}
			out.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(out, `<a href="../../files/%[1]s">%[1]s</a>`, w.Filename())
		case "/files/" + w.Filename():
			_, _ = out.Write(w.Bytes())
		default:
			http.NotFound(out, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte("good==1.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := spec.Spec{Dir: dir, Python: spec.Python{Requirements: []string{"requirements.txt"}, Wheels: []string{server.URL + "/simple"}}}
	src := input.Access{Fetch: new(fetch.Client), Store: openStore(t)}
	indexes, err := wheels.OpenIndexes(t.Context(), s, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"linux/amd64", "linux/arm64"} {
		chosen, err := wheels.Select(t.Context(), s, platform(t, name), site(t, name).Target, wheels.Sources{Indexes: indexes.Chain})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wheels.NewBringer(src).Bring(t.Context(), chosen.Files, wheels.How{Site: site(t, name)}); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 || negotiated.Load() != 1 {
		t.Errorf("the index was asked %d times, %d of them for JSON first; want 1 and 1", asked.Load(), negotiated.Load())
	}
	s.Python.Wheels = []string{"nowhere"}
	if _, err := wheels.OpenIndexes(t.Context(), s, src, nil); err == nil {
		t.Error("a folder that is not there is an index")
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() string {
		d, err := wheels.Lock(t.Context(), spec.Spec{Dir: dir, Python: spec.Python{Requirements: []string{"a.txt"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest
	}
	write("a.txt", "-r b.txt\n")
	write("b.txt", "good==1.0\n")
	before := digest()
	if again := digest(); again != before {
		t.Errorf("Digest = %s, then %s", before, again)
	}
	write("b.txt", "good==1.1\n")
	if after := digest(); after == before {
		t.Error("an included file changed, and the digest did not")
	}
}

// sized is a wheel of so many compressed bytes.
func sized(name string, size int64, tags string) wheels.Wheel {
	f, err := tag.ParseFilename(name + "-1.0-" + tags + ".whl")
	if err != nil {
		panic(err)
	}
	return wheels.Wheel{Filename: f, Fragment: layers.Blob{Size: size}}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	const pure, native = "py3-none-any", "cp313-cp313-musllinux_1_2_x86_64"
	ws := []wheels.Wheel{
		sized("a", 10<<10, pure), sized("b", 300<<10, pure), sized("c", 2<<20, pure), sized("d", 20<<10, native), sized("e", 30<<10, pure), sized("f", 9<<20, native),
	}
	named := func(groups []wheels.Group) string {
		var all []string
		for _, g := range groups {
			var names []string
			for _, w := range g {
				names = append(names, w.Name())
			}
			all = append(all, strings.Join(names, " "))
		}
		return strings.Join(all, ", ")
	}
	for _, test := range []struct {
		most   int
		single bool
		want   string
	}{{15, false, "a e, b, c, d, f"}, {7, false, "a e, b, c, d, f"}, {2, false, "a b c e, d f"}, {1, false, "a b c d e f"}, {15, true, "a b c d e f"}} {
		if got := named(wheels.Groups(ws, test.most, test.single)); got != test.want {
			t.Errorf("Groups of at most %d = %q, want %q", test.most, got, test.want)
		}
	}
	var many []wheels.Wheel
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		many = append(many, sized(fmt.Sprintf("w%03d", i), 1+random.Int64N(5<<20), []string{pure, native}[i%2]))
	}
	for most := 1; most < 40; most++ {
		groups := wheels.Groups(many, most, false)
		n := 0
		for _, g := range groups {
			n += len(g)
		}
		if len(groups) > most || n != len(many) {
			t.Errorf("Groups of at most %d has %d groups of %d wheels", most, len(groups), n)
		}
	}
	if groups := wheels.Groups(nil, 5, false); len(groups) != 0 {
		t.Errorf("Groups of nothing = %v", groups)
	}
}

func TestMergeDropsWhatIsTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared := wheeltest.File{Name: "shared.py", Data: "same\n"}
	files := []source.File{file(t, dir, wheeltest.Wheel{Name: "a", Files: []wheeltest.File{shared}}), file(t, dir, wheeltest.Wheel{Name: "b", Files: []wheeltest.File{shared}})}
	b := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: openStore(t)})
	how := wheels.How{Site: site(t, "linux/amd64")}
	ws, err := b.Bring(t.Context(), files, how)
	if err != nil {
		t.Fatal(err)
	}
	how.Drop, err = wheels.Merge(ws, nil)
	if want := []string{"usr/local/lib/python3.13/site-packages/shared.py"}; err != nil || len(how.Drop) != 1 || !slices.Equal(how.Drop["b-1.0-py3-none-any.whl"], want) {
		t.Fatalf("Merge = %v, %v, want that b drops %v", how.Drop, err, want)
	}
	dropped, err := b.Bring(t.Context(), files, how)
	if err != nil || dropped[0].Fragment != ws[0].Fragment || len(dropped[1].Plan.Files) != len(ws[1].Plan.Files)-1 {
		t.Errorf("Bring after Merge = %v, %v", dropped, err)
	}
}

// listing is a runtime's entries.
func listing(files map[string]string) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for name, content := range files {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: name}
			if to, ok := strings.CutPrefix(content, "-> "); ok {
				h.Typeflag, h.Linkname = tar.TypeSymlink, to
			}
			if !yield(layers.Entry{Header: h, Kept: []byte(content)}, nil) {
				return
			}
		}
	}
}

func TestReplaced(t *testing.T) {
	t.Parallel()
	const lib = "usr/local/lib/python3.13/site-packages/"
	runtime := map[string]string{
		"usr/local/bin/tool": "", "usr/local/bin/tool3": "-> tool", "usr/local/bin/python": "-> python3.13", "usr/local/bin/python3.13": "", "usr/local/lib/python3.13/os.py": "",
		lib + "tool/__init__.py": "", lib + "tool/__pycache__/__init__.cpython-313.opt-1.pyc": "", lib + "tool/sub/x.py": "",
		lib + "single.py": "", lib + "other/__init__.py": "", lib + "tool-1.0.dist-info/METADATA": "",
		lib + "tool-1.0.dist-info/RECORD":  "../../../bin/tool,,\r\ntool/__init__.py,,\r\ntool/sub/x.py,,\r\nsingle.py,,\r\ntool-1.0.dist-info/METADATA,,\r\ntool-1.0.dist-info/RECORD,,\r\n",
		lib + "other-1.0.dist-info/RECORD": "other/__init__.py,,\r\n",
	}
	got, err := wheels.Replaced([]wheels.Wheel{sized("Tool", 1, "py3-none-any")}, site(t, "linux/amd64"), listing(runtime))
	want := []string{"usr/local/bin/tool", "usr/local/bin/tool3", lib + "single.py", lib + "tool", lib + "tool-1.0.dist-info"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Replaced = %q, %v, want %q", got, err, want)
	}
	script := sized("script", 1, "py3-none-any")
	script.Plan.Files = []install.File{{Path: "usr/local/bin/tool"}, {Path: "usr/local/bin/python3.13"}, {Path: lib + "script.py"}}
	if got, err := wheels.Replaced([]wheels.Wheel{script}, site(t, "linux/amd64"), listing(runtime)); err != nil || !slices.Equal(got, []string{"usr/local/bin/tool"}) {
		t.Errorf("Replaced by a script = %q, %v, want the script of the other distribution", got, err)
	}
	got, err = wheels.Replaced([]wheels.Wheel{sized("more", 1, "py3-none-any")}, site(t, "linux/amd64"), listing(runtime))
	if err != nil || got != nil {
		t.Errorf("Replaced by another = %q, %v, want nothing", got, err)
	}
	runtime[lib+"tool-1.0.dist-info/RECORD"] = "\"broken"
	if got, err := wheels.Replaced([]wheels.Wheel{sized("tool", 1, "py3-none-any")}, site(t, "linux/amd64"), listing(runtime)); err == nil {
		t.Errorf("Replaced with a broken RECORD = %q, want an error", got)
	}
}

// TestBringLargeWheel brings a wheel of which a part is in a temporary file.
func TestBringLargeWheel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 6<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	store := openStore(t)
	f := file(t, t.TempDir(), wheeltest.Wheel{Name: "noise", Files: []wheeltest.File{{Name: "noise/a.bin", Data: string(noise)}, {Name: "noise/z.py", Data: "last\n"}}})
	ws, err := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: store}).Bring(t.Context(), []source.File{f}, wheels.How{Site: site(t, "linux/amd64")})
	if err != nil {
		t.Fatal(err)
	}
	if w := ws[0]; w.Size <= int64(len(noise)) || w.Fragment.Size < int64(len(noise)) || len(w.Plan.Files) != 7 {
		t.Errorf("the wheel has %d bytes, its fragment %d, and %d files", w.Size, w.Fragment.Size, len(w.Plan.Files))
	}
}
