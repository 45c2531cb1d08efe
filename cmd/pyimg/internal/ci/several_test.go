package ci_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/push"
)

func someImages(n int) []ci.Image {
	var images []ci.Image
	for i := range n {
		digest := fmt.Sprintf("sha256:%064x", i)
		images = append(images, ci.Image{Key: fmt.Sprint("app", i), Spec: fmt.Sprintf("images/app%d.yaml", i),
			Result: push.Result{Digest: digest, Refs: []string{fmt.Sprintf("localhost/app%d:1@%s", i, digest)}}})
	}
	return images
}

// TestGitHubOfSeveral: the outputs are of all images that were made, and the summary begins with those that were not.
func TestGitHubOfSeveral(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")}
	images := append(someImages(2), ci.Image{Key: "bad", Spec: "images/`bad`|.yaml", Fault: "no solution:\n| x |"})
	if err := ci.GitHubOf(func(k string) string { return env[k] }, images); err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile(env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	before, metadata, found := strings.Cut(string(output), "metadata=")
	if want := "images<<end-of-images\n" + strings.Join(ci.Refs(images), "\n") + "\nend-of-images\n"; before != want || !found {
		t.Errorf("the outputs are %q, want %q and metadata", output, want)
	}
	var byName map[string]ci.Metadata
	if err := json.Unmarshal([]byte(metadata), &byName); err != nil || len(byName) != 2 || byName["app1"].Digest != images[1].Result.Digest {
		t.Errorf("the metadata is %q (%v), want that of app0 and app1", metadata, err)
	}
	summary, err := os.ReadFile(env["GITHUB_STEP_SUMMARY"])
	if err != nil {
		t.Fatal(err)
	}
	first := "| --- | --- | ---: |\n| `images/'bad'/.yaml` | failed: `no solution:` | |\n| `images/app0.yaml` | `localhost/app0:1@"
	if !strings.Contains(string(summary), first) {
		t.Errorf("the summary is\n%s\nwant in it\n%s", summary, first)
	}
}

// TestTektonOfSeveral: a result of Tekton has little room.
func TestTektonOfSeveral(t *testing.T) {
	t.Parallel()
	images := someImages(100)
	files, named := ci.TektonOf(images)
	refs := strings.Split(files["IMAGES"], ",")
	if len(files) != 1 || len(refs) != named || named < 10 || named >= 100 || len(files["IMAGES"]) > 2<<10 || refs[named-1] != ci.Refs(images)[named-1] {
		t.Errorf("IMAGES has %d references and %d bytes, said to be %d, want as many whole ones as fit", len(refs), len(files["IMAGES"]), named)
	}
}
