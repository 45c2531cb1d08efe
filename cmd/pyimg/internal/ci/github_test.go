package ci_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// TestGitHubFilesTakeNoOrders has an image whose platform is written for those who read it: it may come from anywhere.
func TestGitHubFilesTakeNoOrders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")}
	digest := "sha256:" + strings.Repeat("0", 64)
	odd := &v1.Platform{OS: "linux\n# heading\rimage=evil\n\x1b[31m", Architecture: "`<img src=x>`|[a](javascript:b)", Variant: "\u202ev\u2028digest=evil"}
	r := push.Result{Digest: digest, Refs: []string{"localhost/a:1@" + digest}, Platforms: []oci.Platform{{Platform: odd, Digest: digest}}}
	m, err := ci.NewMetadata(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := ci.GitHub(func(k string) string { return env[k] }, r, m); err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile(env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(output), "\n"), "\n") {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	want := []string{"digest", "image", "images<<end-" + strings.Repeat("0", 64), r.Refs[0], "end-" + strings.Repeat("0", 64), "metadata"}
	if got := strings.Join(names, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the outputs are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	text, err := os.ReadFile(env["GITHUB_STEP_SUMMARY"])
	if err != nil {
		t.Fatal(err)
	}
	row := "| `linux\\n# heading\\rimage=evil\\n\\x1b[31m/'<img src=x>'/[a](javascript:b)/\\u202ev\\u2028digest=evil` | `" + digest + "` | 0 | 0 B |\n"
	if !strings.Contains(string(text), row) {
		t.Errorf("the summary is\n%s\nwant in it\n%s", text, row)
	}
}
