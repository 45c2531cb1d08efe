package apko_test

import (
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/draft/apko"
)

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := apko.Parse("apko.yaml", []byte(`contents:
  keyring: [a.pub]
  repositories: [r]
  packages: [p, q]
entrypoint: {command: "/bin/a b"}
cmd: c
work-dir: /w
accounts:
  run-as: u
  users: [{username: u, uid: 1, shell: /bin/sh}]
  groups: [{groupname: g, gid: 2, members: [u]}]
environment: {A: 1.10}
paths:
  - {path: /p, type: directory, permissions: 0o755, recursive: true}
archs: [amd64]
layering: {strategy: origin, budget: 10}
new-field: x
certificates: {additional: [{name: n, content: "x"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := apko.Config{
		Keyring: []string{"a.pub"}, Repositories: []string{"r"}, Packages: []string{"p", "q"}, Entrypoint: "/bin/a b", Cmd: "c", WorkDir: "/w", RunAs: "u",
		Users:  []apko.User{{Name: "u", UID: "1", Shell: "/bin/sh"}},
		Groups: []apko.Group{{Name: "g", GID: "2", Members: []string{"u"}}}, Environment: map[string]string{"A": "1.10"},
		Paths: []apko.Path{{Line: 14, Path: "/p", Type: "directory", Mode: "0o755", Recursive: "true"}}, Archs: []string{"amd64"},
		Unknown: []apko.Unknown{{Line: 17, Field: "new-field"}}, Certificates: []apko.Certificate{{Name: "n", Content: "x"}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestFaultsHavePlaces(t *testing.T) {
	t.Parallel()
	_, err := apko.Parse("a.yaml", []byte("contents:\n  packages: {a: b}\ncmd: [x]\n"))
	if err == nil || !strings.Contains(err.Error(), "a.yaml:2:") || !strings.Contains(err.Error(), "a.yaml:3:") {
		t.Errorf("Parse: %v, want faults in lines 2 and 3", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("contents: {packages: [a]}\nentrypoint:\n  services: {a: b}\npaths:\n- path: &a /x\n- path: *a\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = apko.Parse("x", data) })
}

// The packages and the command are what most images are about.
func Example() {
	c, err := apko.Parse("apko.yaml", []byte("contents: {packages: [alpine-base, python3]}\ncmd: python3 -m http.server\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Packages, c.Cmd)
	// Output: [alpine-base python3] python3 -m http.server
}
