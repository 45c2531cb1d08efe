package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push/disk"
)

// hostile is what a terminal would obey, or what hides and reorders text.
const hostile = "evil\x1b[31m\x7f\u009b2J\u202e\u2066\u200b\r\xff\xc3"

// bidi is what of it names of files may hold: a layer with control characters in them is refused.
const bidi = "evil\u202e\u2066\u200b"

// hostileImage has hostile text wherever an image has text, and writes a layout of it.
func hostileImage(t *testing.T, dir, extra string) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, name := range []string{"usr/bin/" + bidi, bidi + "/" + bidi + extra} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: 11}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("#!/nowhere\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   static.NewLayer(layer.Bytes(), types.OCIUncompressedLayer),
		History: v1.History{CreatedBy: hostile, Comment: hostile, Author: hostile},
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	file.Config = v1.Config{
		Labels: map[string]string{hostile: hostile + extra}, Env: []string{"A=" + hostile, hostile + "=1"}, User: hostile, WorkingDir: "/" + hostile,
		Entrypoint: []string{hostile}, Cmd: []string{"/usr/bin/" + hostile},
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	if err := disk.WriteLayout(t.Context(), dir, "", mutate.Annotations(index, map[string]string{hostile: hostile}).(v1.ImageIndex)); err != nil {
		t.Fatal(err)
	}
}

// checkHarmless wants text without anything that a terminal would obey.
func checkHarmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: invalid UTF-8 in %q", what, text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) }); i >= 0 {
		t.Errorf("%s: an unsafe character at %q", what, text[i:min(len(text), i+20)])
	}
}

// TestHostileText has each command print text that came from elsewhere.
func TestHostileText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	hostileImage(t, a, "")
	hostileImage(t, b, "more")
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("packages: [\"a\\e[31m\\u202e\"]\n\"x\\u009b\": 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{"inspect", a}, {"inspect", "--json", a}, {"inspect", "--tree", "--depth", "9", a}, {"inspect", "--tree", "--json", a},
		{"diff", a, b}, {"diff", "--all", a, b}, {"diff", "--json", a, b}, {"verify", "--all", a}, {"verify", "--json", a},
		{"runtime", "inspect", "oci:" + a}, {"assemble", bad}, {"assemble", hostile + ".yaml"}, {hostile}, {"assemble", "--" + hostile},
		{"mirror", hostile}, {"push", a, hostile}, {"lock", "--lock", hostile, bad}, {"inspect", "./" + hostile},
		{"assemble", "--output", hostile, bad}, {"cache", "stat", hostile}, {"assemble", "--platform", hostile}, {"__complete", "bash", hostile},
	} {
		var out, stderr bytes.Buffer
		env := map[string]string{"PYIMG_CACHE_DIR": filepath.Join(dir, "cache")}
		con := console.Console{Stdout: &out, Stderr: &stderr, Getenv: func(k string) string { return env[k] }}
		code := execute(t.Context(), con, append([]string{"pyimg"}, line...))
		checkHarmless(t, strings.Join(line, " ")+": stdout", out.String())
		checkHarmless(t, strings.Join(line, " ")+": stderr", stderr.String())
		switch isJSON := strings.Contains(strings.Join(line, " "), "--json"); {
		case isJSON && !json.Valid(out.Bytes()):
			t.Errorf("%q: no JSON: %q", line, out.String())
		case isJSON && code == exit.Done && !strings.Contains(out.String(), `evil\u`):
			t.Errorf("%q does not say what it found: %q", line, out.String())
		case line[0] == "inspect" && len(line) == 2 && line[1] == a && !strings.Contains(out.String(), `evil\x1b[31m\x7f\u009b2J\u202e`):
			t.Errorf("%q does not say what it found: %q", line, out.String())
		}
	}
}

// TestTells wants to read on a terminal what a push took, and nothing of it in a log.
func TestTells(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "layout")
	hostileImage(t, dir, "")
	url, err := fixture.NewRegistry().Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(url, "http://") + "/a:1"
	if _, err := name.ParseReference(ref); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		terminal bool
		args     []string
		want     string
	}{
		{true, []string{"--progress", "quiet"}, ""},
		{false, []string{"--progress", "auto"}, ""},
		{true, nil, "the registry had the image already"},
		{true, []string{ref + "2"}, " s: 0 blobs sent (0 B), 2 already there, 0 mounted\n"},
		{true, []string{strings.Replace(ref, "/a:1", "/b:1", 1)}, "linux/amd64: "},
	} {
		var out, stderr bytes.Buffer
		con := console.Console{Stdout: &out, Stderr: &stderr, Getenv: func(string) string { return "" }, Terminal: tt.terminal}
		if code := execute(t.Context(), con, append([]string{"pyimg", "push", dir, ref}, tt.args...)); code != exit.Done {
			t.Fatalf("code %d: %s", code, stderr.String())
		}
		if !strings.Contains(stderr.String(), tt.want) || tt.want == "" && strings.Contains(stderr.String(), "pushed in") {
			t.Errorf("push %q on a terminal (%t) said %q, want %q", tt.args, tt.terminal, stderr.String(), tt.want)
		}
	}
}

// TestDrawsBars wants bars on terminals that move their cursor, where a person looks at them.
func TestDrawsBars(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		terminal bool
		env      map[string]string
		want     bool
	}{
		{true, map[string]string{"TERM": "xterm"}, true},
		{true, map[string]string{"TERM": "xterm", "CI": "false"}, true},
		{false, map[string]string{"TERM": "xterm"}, false},
		{true, map[string]string{"TERM": "dumb"}, false},
		{true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{true, map[string]string{"TERM": "xterm", "CI": "true"}, false},
	} {
		con := console.Console{Terminal: tt.terminal, Getenv: func(k string) string { return tt.env[k] }}
		if got := con.DrawsBars(); got != tt.want {
			t.Errorf("drawsBars() = %t with %v on a terminal (%t), want %t", got, tt.env, tt.terminal, tt.want)
		}
	}
}

// TestInterrupted wants 130 and one word of it, whatever the command was at.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(spec, []byte("alpine: {mirrors: [nowhere]}\npackages: [a]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	con := console.Console{Stdout: &out, Stderr: &stderr, Getenv: func(k string) string {
		return map[string]string{"PYIMG_CACHE_DIR": filepath.Dir(spec)}[k]
	}}
	if code := execute(ctx, con, []string{"pyimg", "assemble", "--allow-untrusted", spec}); code != exit.Interrupted || stderr.String() != "pyimg: interrupted\n" {
		t.Errorf("code %d and %q, want %d and that it was interrupted", code, stderr.String(), exit.Interrupted)
	}
}
