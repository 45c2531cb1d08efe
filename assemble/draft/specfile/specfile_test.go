package specfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/assemble/spec"
)

// TestValuesAreReadBack writes values that YAML could take for something else.
func TestValuesAreReadBack(t *testing.T) {
	t.Parallel()
	words := []string{"null", "~", "true", "no", "1.10", "0755", "a: b", "a:b", "- x", "-x", "[a]", "{a}", "#x", "a #x", "'", `"`, `\`, "é", "&a", "*a", "!x", "%x", "@x", "`x", "x,y", "?", ":", "", " a ", ".", "<<", "2026-01-02"}
	text := specfile.Spec{Image: specfile.Image{Entrypoint: words, Env: []specfile.Pair{{Key: "a.b", Value: "yes", Why: "a\nreason: x"}, {Key: "null", Value: ""}}}, Head: []string{"a\nalpine: {}"}}.YAML()
	s, err := spec.Parse("x", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff(words, s.Image.Entrypoint); diff != "" {
		t.Errorf("read back (-want +got):\n%s\n%s", diff, text)
	}
	if diff := cmp.Diff(map[string]string{"a.b": "yes", "null": ""}, s.Image.Env); diff != "" {
		t.Errorf("read back (-want +got):\n%s\n%s", diff, text)
	}
}

// FuzzWord writes one word, which is read back as it is, or refused for its control characters.
func FuzzWord(f *testing.F) {
	f.Add("a: b", "c")
	f.Fuzz(func(t *testing.T, word, comment string) {
		text := specfile.Spec{Packages: []specfile.Item{{Value: "p", Why: comment}}, Head: []string{comment}, Image: specfile.Image{Cmd: []string{"x", word}, CmdWhy: comment}}.YAML()
		s, err := spec.Parse("x", text)
		if err != nil {
			if strings.Contains(err.Error(), "control character") || strings.Contains(err.Error(), "one line") || strings.ToValidUTF8(word, "") != word {
				return
			}
			t.Fatalf("%v in\n%s", err, text)
		}
		if strings.ToValidUTF8(word, "") == word && s.Image.Cmd[1] != word {
			t.Errorf("%q was read back as %q in\n%s", word, s.Image.Cmd[1], text)
		}
	})
}

// The comments say why.
func Example() {
	s := specfile.Spec{Branch: "v3.24", Packages: []specfile.Item{{Value: "libpq", Why: "for psycopg"}}, Image: specfile.Image{Cmd: []string{"python3", "-m", "app"}}}
	_, _ = os.Stdout.Write(s.YAML())
	// Output:
	// alpine:
	//   branch: v3.24
	// packages:
	//   - libpq  # for psycopg
	// image:
	//   cmd: [python3, "-m", app]
}
