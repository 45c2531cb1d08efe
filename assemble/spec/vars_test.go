package spec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/spec"
)

func TestVariablesFillInValues(t *testing.T) {
	t.Parallel()
	name := writeSpecs(t, map[string]string{"p.yaml": `
vars: {VERSION: 1.10, USER_ID: 0755, EMPTY: "", GIVEN: }
packages: ["nginx={VERSION}"]
runtime: {python: "{VERSION}", source: "https://x.example/{version}/{VERSION}-{alpine_arch}.tgz"}
files: [{from: "{GIVEN}/x", to: "/{VERSION}/", uid: "{USER_ID}", mode: "{USER_ID}"}]
image:
  cmd: ["{VERSION}", "{{VERSION}}", "${VERSION}", "{ VERSION }", "{OTHER}", "a{EMPTY}b"]
  env: {JSON: '{"v": "{VERSION}"}', "{OTHER}": x}
`})
	s, err := spec.Options{Set: map[string]string{"GIVEN": "a,b={VERSION}", "VERSION": "2.0"}}.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.Packages[0].String(), s.Runtimes[0].At(s.Platforms[0]), s.Files, s.Image.Cmd, s.Image.Env}
	want := []any{"nginx=2.0", "https://x.example/2.0/2.0-x86_64.tgz", []spec.Files{{From: "a,b={VERSION}/x", To: "/2.0/", UID: 755, Mode: 0o755}},
		[]string{"2.0", "{VERSION}", "${VERSION}", "{ VERSION }", "{OTHER}", "ab"}, map[string]string{"JSON": `{"v": "2.0"}`, "{OTHER}": "x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filled in (-want +got):\n%s", diff)
	}
	defaults, err := spec.Options{Set: map[string]string{"GIVEN": "g"}}.Read(name)
	if err != nil || defaults.Packages[0].String() != "nginx=1.10" {
		t.Errorf("with defaults %v, %v; want the version 1.10 as it is written", defaults.Packages, err)
	}
	if defaults.Digest() == s.Digest() {
		t.Error("other values give the same digest")
	}
}

func TestVariablesRefuse(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		text string
		set  map[string]string
		want string
	}{
		"no value":           {"vars: {A: }", nil, "p.yaml:1:8: vars.A: it has no default, and no value is given; give one with --set A=VALUE"},
		"an unknown one":     {"vars: {VERSION: a}", map[string]string{"VERSON": "b"}, "did you mean VERSION?"},
		"none declared":      {"packages: [a]", map[string]string{"A": "b"}, "declare it with vars: {A: DEFAULT}"},
		"a reserved name":    {"vars: {alpine_arch: a}", nil, "pyimg fills in {alpine_arch} itself"},
		"name":               {"vars: {name: a}", nil, "pyimg fills in {name} itself"},
		"no name":            {"vars: {a-b: a}", nil, "expected the name of a variable"},
		"a list":             {"vars: {A: [b]}", nil, "expected a single value"},
		"several lines":      {"vars: {A: \"a\\nb\"}", nil, "expected one line"},
		"one in another":     {"vars: {A: '{B}', B: c}", nil, "variables do not refer to each other"},
		"in a key":           {"vars: {A: a}\nimage: {env: {'X{A}': b}}", nil, "image.env.X{A}: variables are filled in in values"},
		"in a platform":      {"vars: {A: a}\nruntime: {source: {'linux/{A}': b}}", nil, "variables are filled in in values"},
		"keys":               {"vars: {A: a}\nalpine: {keys: '{A}'}", nil, "p.yaml:2:16: alpine.keys: this field takes no variable"},
		"the base's key":     {"vars: {A: a}\nbase: {source: image:x, require_signature: ['x', 'k{A}']}", nil, "base.require_signature[1]: this field takes no variable"},
		"a runtime's key":    {"vars: {A: a}\nruntime: [{source: image:x, require_signature: '{A}'}]", nil, "runtime[0].require_signature: this field takes no variable"},
		"a digest":           {"vars: {A: " + sum + "}\nruntime: {source: x, sha256: {linux/amd64: '{A}'}}", nil, "this field takes no variable"},
		"a typing error":     {"vars: {VERSION: a}\nimage: {user: '{VERSON}'}", nil, "p.yaml:2:15: {VERSON} is not declared under vars, and {VERSION} is used nowhere"},
		"no quotes":          {"vars: {A: a}\nimage: {user: {A}}", nil, `write "{A}" in quotes`},
		"a wrong value":      {"vars: {A: a}\nimage: {ports: ['{A}']}", nil, `expected PORT, PORT/tcp or PORT/udp, found "a"`},
		"a control sign":     {"vars: {A: a}\nimage: {user: '{A}'}", map[string]string{"A": "\x1b[2J"}, "control character"},
		"a newline":          {"vars: {A: a}\nimage: {user: '{A}'}", map[string]string{"A": "a\nb"}, "expected one line"},
		"a runtime's source": {"vars: {A: a}\nruntime: {source: 'x-{A}-{B}'}", nil, "unknown {B}"},
		"a path outside":     {"vars: {A: a}\nfiles: {from: '{A}/x', to: /x}", map[string]string{"A": ".."}, "below the spec's folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := spec.Options{Set: c.set}.Read(writeSpecs(t, map[string]string{"p.yaml": c.text}))
			if !errors.As(err, new(*spec.Error)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read = %v, want a *spec.Error with %q", err, c.want)
			}
		})
	}
}
