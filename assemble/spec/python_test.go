package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/spec"
)

func TestPythonComesBackFromYAML(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"python: {lock: pylock.toml, extras: [tls], groups: [], wheels: [wheels, https://idx.example/simple/]}",
		"python: {lock: {linux/amd64: a.toml, linux/arm64: b.toml}, groups: [dev]}",
		"python: {requirements: [a.txt, b.txt], no_deps: true, target: /app/lib}",
		"python: {wheels: dist/app-1.0-py3-none-any.whl}",
	} {
		s, err := spec.Parse("x", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		written, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Parse("x", written)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if diff := cmp.Diff(s.Python, again.Python); diff != "" || !again.Python.Asked() {
			t.Errorf("%s comes back as %s:\n%s", text, written, diff)
		}
		if s.Digest() != again.Digest() {
			t.Errorf("%s has another digest once it is written", text)
		}
	}
}

func TestPythonFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"python: {lock: a.toml, requirements: b.txt}":                "lock and requirements exclude each other",
		"python: {requirements: b.txt, extras: [x]}":                 "extras and groups need a lock",
		"python: {lock: a.toml, no_deps: true}":                      "no_deps is for requirements",
		"python: {wheels: wheels}":                                   "no packages are named",
		"python: {lock: a.toml, wheels: 'oci:./wheels'}":             "name a folder without oci:",
		"python: {lock: a.toml, wheels: 'oci:ghcr.io/You/wheels'}":   "expected oci:HOST/REPOSITORY:TAG",
		"python: {lock: a.toml, wheels: 'oci://ghcr.io/you/wheels'}": "not a URL",
		"python: {lock: a.toml, wheels: 'ftp://example.com/wheels'}": "wheels are not read from",
		"python: {lock: 'https://example.com/pylock.toml'}":          "expected a file",
		"python: {lock: a.toml, target: lib}":                        "expected an absolute path",
		"python: {lock: a.toml, no_deps: maybe}":                     "expected true or false",
		"python: {lock: {linux/vax: a.toml}}":                        "linux/vax",
		"python: {locks: a.toml}":                                    "did you mean \"lock\"",
	} {
		_, err := spec.Parse("x", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
