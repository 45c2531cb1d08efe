package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// releaseTags are the tags that the Makefile builds a release with.
const releaseTags = "urfave_cli_no_docs"

// TestProductHasNothingForTests: what the program is built of holds no package that only tests use, and not the generator of
// manuals of the library that reads the command line.
func TestProductHasNothingForTests(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", releaseTags, "../cmd/pyimg").Output()
	if err != nil {
		t.Fatalf("listing what the program is built of: %v", err)
	}
	all := strings.Fields(string(out))
	if !slices.Contains(all, "github.com/pyimg/pyimg/assemble") {
		t.Fatalf("the list of %d packages does not have assemble", len(all))
	}
	for _, p := range all {
		for _, no := range []string{"testing", "net/http/httptest", "github.com/google/go-containerregistry/pkg/registry",
			"github.com/cpuguy83/go-md2man", "github.com/russross/blackfriday", "github.com/rogpeppe/go-internal/testscript"} {
			if p == no || strings.HasPrefix(p, no+"/") {
				t.Errorf("the program is built of %s", p)
			}
		}
	}
}

// TestReleaseTags holds the Makefile against the tags that the other test uses.
func TestReleaseTags(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "make", "-n", "-C", "..", "build").Output()
	if err != nil {
		t.Skipf("no make: %v", err)
	}
	for _, want := range []string{"-tags " + releaseTags, "-trimpath", `-ldflags "-s -w`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("\"make build\" runs %q, want %s in it", strings.TrimSpace(string(out)), want)
		}
	}
}
