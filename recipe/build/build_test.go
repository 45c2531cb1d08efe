package build_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/recipe"
	"github.com/pyimg/pyimg/recipe/build"
	"github.com/pyimg/pyimg/sbom"
)

// TestMain lets the sandbox start this program again. No step may see the variable.
func TestMain(m *testing.M) {
	sandbox.Main()
	_ = os.Setenv("OF_THE_CALLER", "secret")
	os.Exit(m.Run())
}

const (
	sourceURL = "https://example.com/tiny.tar.gz"
	epoch     = 1_000_000_000
	header    = "format: 1\nname: tiny\nversion: 1.2.3\n" +
		"sources: [{name: tiny, version: 1.2.3, file: tiny.tar.gz, url: \"" + sourceURL + "\", folder: tiny, sha256: SUM, patches: [fix.patch]}]\n" +
		"holds: [{name: inside, version: \"1.0\", purl: \"pkg:generic/inside@1.0\"}]\nfiles: [more]\n"
	patch = "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-from upstream\n+mended\n"
	// makes puts an ELF file into the result.
	makes = "mkdir -p $OUT/usr/local/lib; printf '\\177ELF' >$OUT/usr/local/lib/libtiny.so"
)

// source is the archive of the recipes here.
func source() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	text := "from upstream\n"
	_ = w.WriteHeader(&tar.Header{Name: "tiny-1.2.3/text", Mode: 0o644, Size: int64(len(text))})
	_, _ = io.WriteString(w, text)
	_ = errors.Join(w.Close(), z.Close())
	return b.Bytes()
}

func sum(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

// served answers URLs, and counts the questions.
type served struct {
	body  []byte
	asked []string
}

func (s *served) Open(_ context.Context, url string) (io.ReadCloser, error) {
	s.asked = append(s.asked, url)
	if s.body == nil {
		return nil, errors.New("no route to host")
	}
	return io.NopCloser(bytes.NewReader(s.body)), nil
}

// A building is one call of build.Run, and what came of it.
type building struct {
	recipe recipe.Recipe
	root   build.Root
	from   *served
	o      build.Options
	log    *bytes.Buffer
	steps  []string
}

// newBuilding has steps, each "NAME => SCRIPT" or "NAME [CONDITION] => SCRIPT". The builder is busybox's root.
func newBuilding(t *testing.T, lower string, steps ...string) *building {
	t.Helper()
	text := strings.ReplaceAll(header, "SUM", sum(source())) + "steps:\n"
	for _, s := range steps {
		name, script, _ := strings.Cut(s, " => ")
		name, when, _ := strings.Cut(strings.TrimSuffix(name, "]"), " [")
		text += fmt.Sprintf("  - {name: %s, in: tiny, when: {%s}, run: %q}\n", name, when, script)
	}
	r, err := recipe.Parse("tiny.yaml", []byte(text), fstest.MapFS{"fix.patch": {Data: []byte(patch)}, "more/file": {Data: []byte("a file\n")}})
	if err != nil {
		t.Fatal(err)
	}
	b := &building{recipe: r, root: build.Root{Lower: []string{lower}, Name: "the builder", Digest: "sha256:" + strings.Repeat("b", 64)}, from: &served{body: source()}, log: &bytes.Buffer{}}
	b.o = build.Options{
		Choice: recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None},
		Work:   t.TempDir(), Epoch: time.Unix(epoch, 0), Jobs: 3, Log: b.log, Version: "0.1", Notice: func(sandbox.Notice) {},
		Step: func(n, all int, name string) { b.steps = append(b.steps, fmt.Sprintf("%d/%d %s", n, all, name)) },
	}
	return b
}

// run builds.
func (b *building) run(t *testing.T) (build.Result, error) {
	t.Helper()
	if err := os.Chmod(b.o.Work, 0o755); err != nil { //nolint:gosec // the sandbox is another user
		t.Fatal(err)
	}
	return build.Run(t.Context(), b.recipe, b.root, b.from, b.o)
}

// busybox is a root that has it alone. Without it, or without a sandbox, the test is skipped.
func busybox(t *testing.T) string {
	t.Helper()
	name, err := exec.LookPath("busybox")
	if err != nil {
		t.Skipf("the builder is made of busybox: %v", err)
	}
	f, err := elf.Open(name)
	if err != nil {
		t.Skipf("the builder is made of busybox: %v", err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Skip("this machine's busybox needs libraries, which the builder has not")
	}
	dir := t.TempDir()
	_, able := sandbox.Run(t.Context(), sandbox.Command{Lower: []string{dir}, Args: []string{"/nothing"}})
	if !errors.As(able, new(*sandbox.StartError)) {
		t.Skipf("this machine allows neither namespaces nor a chroot: %v", able)
	}
	bin := filepath.Join(dir, "bin")
	program, err := os.ReadFile(name)
	if err = errors.Join(err, os.Chmod(dir, 0o755), os.MkdirAll(bin, 0o755), os.Mkdir(filepath.Join(dir, "tmp"), 0o755)); err != nil { //nolint:gosec // the sandbox is another user
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "busybox"), program, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for _, applet := range []string{"sh", "tar", "gzip", "patch", "mkdir", "cp", "cat", "env", "ln", "touch"} {
		if err := os.Symlink("busybox", filepath.Join(bin, applet)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestABuild(t *testing.T) {
	t.Parallel()
	b := newBuilding(t, busybox(t), "look => env; pwd; cat text $FILES/more/file", "other [machine: aarch64] => exit 9", "make => "+makes+"; touch -d 2020-01-01 $OUT/usr/local/lib/libtiny.so")
	b.root.Env = []string{"OF_THE_BUILDER=1", "PATH=/bin"}
	r, err := b.run(t)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	if want := []string{"1/3 unpack", "2/3 look", "3/3 make"}; !slices.Equal(b.steps, want) {
		t.Errorf("the steps were %q, want %q", b.steps, want)
	}
	lines := strings.Split(b.log.String(), "\n")
	for _, want := range []string{"==> look", "SOURCE_DATE_EPOCH=1000000000", "JOBS=3", "SRC=/usr/src", "OUT=/usr/src/out", "DEPS=/usr/src/deps", "FILES=/usr/src/files", "TZ=UTC",
		"NAME=tiny", "VERSION=1.2.3", "SERIES=1.2", "OF_THE_BUILDER=1", "PATH=/bin", "/usr/src/tiny", "mended", "a file"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line of the log is %q", want)
		}
	}
	if strings.Contains(b.log.String(), "OF_THE_CALLER") || strings.Contains(b.log.String(), b.o.Work) {
		t.Errorf("the steps see the caller:\n%s", b.log)
	}
	err = filepath.WalkDir(r.Folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().Unix() != epoch {
			t.Errorf("%s has the time %s", name, info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	checkDocuments(t, b, r)
}

// checkDocuments checks the bill of materials and the provenance.
func checkDocuments(t *testing.T, b *building, r build.Result) {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(r.Folder, "usr/local/share/sbom", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	// The runtime is the subject of its bill, so only what it holds is listed.
	if all, err := sbom.Read(read("tiny-1.2.3.cdx.json")); err != nil || len(all) != 1 || all[0].PURL != "pkg:generic/inside@1.0" {
		t.Errorf("components %+v, %v", all, err)
	}
	type resource struct {
		Name, URI string
		Digest    map[string]string
	}
	var statement struct {
		Type      string `json:"_type"`
		Subject   []resource
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters   map[string]any
				ResolvedDependencies []resource
			}
		}
	}
	raw := read("tiny-1.2.3.provenance.json")
	if err := json.Unmarshal(raw, &statement); err != nil {
		t.Fatal(err)
	}
	if s := statement.Subject; len(s) != 1 || s[0].Name != "usr/local/lib/libtiny.so" || s[0].Digest["sha256"] != sum([]byte("\x7fELF")) {
		t.Errorf("subjects %+v", s)
	}
	got := map[string]string{}
	for _, d := range statement.Predicate.BuildDefinition.ResolvedDependencies {
		got[d.Name+" "+d.URI] = d.Digest["sha256"]
	}
	for name, want := range map[string]string{"tiny.tar.gz " + sourceURL: sum(source()), "builder the builder": strings.Repeat("b", 64), "recipe ": sum(b.recipe.Text)} {
		if got[name] != want {
			t.Errorf("the digest of %q is %q, want %q", name, got[name], want)
		}
	}
	if bytes.Contains(raw, []byte(b.o.Work)) {
		t.Errorf("the provenance names a folder of this machine:\n%s", raw)
	}
}

// TestProfile trains once, saves the profile, and then takes it.
func TestProfile(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(t.TempDir(), "profile.tar")
	root := busybox(t)
	build := func(profile string, steps ...string) (*building, bool, error) {
		b := newBuilding(t, root, append([]string{"train [profile-data: none] => echo counted >$PROFILE_DATA", "take [profile-data: given] => cat $PROFILE_DATA", "make => " + makes}, steps...)...)
		b.o.ProfileData = profile
		r, err := b.run(t)
		return b, r.Trained, err
	}
	exists := func() bool { _, err := os.Lstat(kept); return err == nil }

	if _, _, err := build(kept, "break => exit 3"); err == nil || exists() {
		t.Errorf("after a failure: %v, the profile is there: %t", err, exists())
	}
	if b, trained, err := build(kept); err != nil || !trained || !slices.Contains(b.steps, "2/3 train") {
		t.Fatalf("trained %t in %q: %v", trained, b.steps, err)
	}
	if raw, err := os.ReadFile(kept); err != nil || string(raw) != "counted\n" {
		t.Fatalf("the profile is %q: %v", raw, err)
	}
	b, trained, err := build(kept)
	if err != nil || !trained || !slices.Contains(b.steps, "2/3 take") || !strings.Contains(b.log.String(), "\ncounted\n") {
		t.Errorf("trained %t in %q: %v\n%s", trained, b.steps, err, b.log)
	}
	raw, err := os.ReadFile(filepath.Join(b.o.Work, "src/out/usr/local/share/sbom/tiny-1.2.3.provenance.json"))
	if err != nil || !bytes.Contains(raw, []byte(sum([]byte("counted\n")))) {
		t.Errorf("the provenance lacks the profile: %v\n%s", err, raw)
	}
}

// TestAProfileIsARegularFile refuses a symlink, which would be read outside of the sandbox.
func TestAProfileIsARegularFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBuilding(t, busybox(t), "train [profile-data: none] => ln -s "+dir+"/secret $PROFILE_DATA", "make => "+makes)
	b.o.ProfileData = filepath.Join(dir, "profile.tar")
	if _, err := b.run(t); err == nil || !strings.Contains(err.Error(), `keeping the profile: "profile.tar" is no regular file`) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Lstat(b.o.ProfileData); err == nil {
		t.Error("the file was copied")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	root := busybox(t)
	for name, test := range map[string]struct {
		step, want string
	}{
		"a step":             {"make => echo no such flag >&2; exit 3", `the step "make" ended with code 3`},
		"a line of a script": {"make => cat nothing; " + makes, `the step "make" ended with code 1`},
		"nothing made":       {"make => echo done", "$OUT is empty"},
		"no program":         {"make => touch $OUT/text", "there is no program and no library in $OUT"},
		"a link out of it":   {"make => mkdir -p $OUT/usr; ln -s " + os.TempDir() + " $OUT/usr/local; printf '\\177ELF' >$OUT/tiny", "writing the bill of materials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilding(t, root, test.step, "after => touch $OUT/after")
			if strings.Contains(test.want, "$OUT") || strings.Contains(test.want, "bill") {
				b = newBuilding(t, root, test.step)
			}
			r, err := b.run(t)
			if err == nil || !strings.Contains(err.Error(), test.want) || r.Folder != "" {
				t.Errorf("%+v, the error is %v, want %q in it\n%s", r, err, test.want, b.log)
			}
			if step := (*build.StepError)(nil); errors.As(err, &step) && (step.Step != "make" || len(b.steps) != 2) {
				t.Errorf("%+v, after the steps %q", step, b.steps)
			}
		})
	}
}

// TestSources: a file of this machine where its checksum fits, else the URL; and nothing is built of another one.
func TestSources(t *testing.T) {
	t.Parallel()
	dir, root := t.TempDir(), busybox(t)
	fits, other := filepath.Join(dir, "fits"), filepath.Join(dir, "other")
	if err := errors.Join(os.WriteFile(fits, source(), 0o600), os.WriteFile(other, []byte("other"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		given []string
		body  []byte
		want  string // in the error
		asked int
	}{
		"a folder that has it":  {given: []string{dir}},
		"nothing given":         {body: source(), asked: 1},
		"a file of no source":   {given: []string{fits, other}, want: "which no source of the recipe has"},
		"no network":            {want: "name it or its folder with --source", asked: 1},
		"another from the URL":  {body: []byte("not it"), want: sum([]byte("not it")), asked: 1},
		"a file that is absent": {given: []string{filepath.Join(dir, "absent")}, want: "opening a source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilding(t, root, "make => "+makes)
			b.from.body, b.o.Sources = test.body, test.given
			_, err := b.run(t)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
			if len(b.from.asked) != test.asked || err != nil && len(b.steps) > 0 {
				t.Errorf("asked %q, steps %q", b.from.asked, b.steps)
			}
			if left, _ := filepath.Glob(filepath.Join(b.o.Work, "src/in/*")); errors.As(err, new(*mismatch.Error)) && len(left) > 0 {
				t.Errorf("what is not the source was kept: %q", left)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	b := newBuilding(t, busybox(t), "make => "+makes)
	ctx, cancel := context.WithCancel(t.Context())
	b.o.Step = func(int, int, string) { cancel() }
	if _, err := build.Run(ctx, b.recipe, b.root, b.from, b.o); !errors.Is(err, context.Canceled) || b.log.Len() > 200 {
		t.Errorf("the error is %v, the log\n%s", err, b.log)
	}
}
