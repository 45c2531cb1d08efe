package spec_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/spec"
)

// writeSpecs writes files into a new folder and returns the name of p.yaml there.
func writeSpecs(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			if err := os.Symlink(target, at); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "p.yaml")
}

// TestExtendsMerges compares what extends others with the same written as one document.
func TestExtendsMerges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"maps merge":            {map[string]string{"p.yaml": "extends: a.yaml\nimage: {env: {B: c}}", "a.yaml": "image: {env: {A: b, B: b}, user: u}"}, "image: {env: {A: b, B: c}, user: u}"},
		"lists replace":         {map[string]string{"p.yaml": "extends: a.yaml\npackages: [b]", "a.yaml": "packages: [a, c]"}, "packages: [b]"},
		"an empty list":         {map[string]string{"p.yaml": "extends: a.yaml\npackages: []", "a.yaml": "packages: [a, c]"}, "packages: []"},
		"later files win":       {map[string]string{"p.yaml": "extends: [a.yaml, b.yaml]", "a.yaml": "bytecode: checked\nsbom: spdx", "b.yaml": "bytecode: none"}, "bytecode: none\nsbom: spdx"},
		"nothing takes away":    {map[string]string{"p.yaml": "extends: a.yaml\nimage: {user: }\nruntime: ~", "a.yaml": "image: {user: u, workdir: /w}\nruntime: {source: x}"}, "image: {workdir: /w}"},
		"a word and a mapping":  {map[string]string{"p.yaml": "extends: a.yaml\nallocator: {name: mimalloc}", "a.yaml": "allocator: jemalloc"}, "allocator: mimalloc"},
		"platforms merge":       {map[string]string{"p.yaml": "extends: a.yaml\nruntime: {source: {linux/arm64: b}}", "a.yaml": "runtime: {source: {linux/amd64: a}}"}, "runtime: {source: {linux/amd64: a, linux/arm64: b}}"},
		"aliases":               {map[string]string{"p.yaml": "extends: a.yaml\nimage: {env: &x {B: c}, labels: *x}", "a.yaml": "image: {labels: &x {A: b}, env: *x}"}, "image: {env: {A: b, B: c}, labels: {A: b, B: c}}"},
		"an empty file":         {map[string]string{"p.yaml": "extends: a.yaml\nsbom: spdx", "a.yaml": ""}, "sbom: spdx"},
		"no file":               {map[string]string{"p.yaml": "extends: []\nsbom: spdx"}, "sbom: spdx"},
		"one file by two ways":  {map[string]string{"p.yaml": "extends: [a.yaml, b.yaml]", "a.yaml": "extends: c.yaml\nsbom: spdx", "b.yaml": "extends: c.yaml\nbytecode: none", "c.yaml": "packages: [x]"}, "sbom: spdx\nbytecode: none\npackages: [x]"},
		"a symlink in the tree": {map[string]string{"p.yaml": "extends: l/a.yaml", "l": "-> d", "d/a.yaml": "packages: [x]"}, "packages: [x]"},
		"variables merge":       {map[string]string{"p.yaml": "extends: a.yaml\nvars: {A: mine}", "a.yaml": "vars: {A: a, B: b}\nimage: {env: {A: '{A}', B: '{B}'}}"}, "image: {env: {A: mine, B: b}}"},
		"paths": {map[string]string{"p.yaml": "extends: [d/a.yaml, d/b/b.yaml]", "d/a.yaml": "base: {source: {linux/amd64: oci:lay:a, linux/arm64: image:x}, require_signature: cosign.pub, upgrade: true}\n" +
			"alpine: {keys: k, mirrors: [m, /m, 'https://m/'], repositories: [main, ./r, '@t r/s', /r]}\nfiles: [{from: 'x/*', to: /x}, {from: ../y, to: /y}]",
			"d/b/b.yaml": "runtime: [{source: a.tgz}, {source: apk}, {source: 'image:oci:../l', require_signature: [k]}, {source: 'oci:h.io/r:1'}, {source: 'standalone:3.13', mirror: m}]\npython: {requirements: r.txt, wheels: [w, 'https://w/']}"},
			"base: {source: {linux/amd64: 'oci:d/lay:a', linux/arm64: image:x}, require_signature: d/cosign.pub, upgrade: true}\n" +
				"alpine: {keys: d/k, mirrors: [d/m, /m, 'https://m/'], repositories: [main, d/r, '@t d/r/s', /r]}\nfiles: [{from: 'd/x/*', to: /x}, {from: y, to: /y}]\n" +
				"runtime: [{source: d/b/a.tgz}, {source: apk}, {source: 'image:oci:d/l', require_signature: [d/b/k]}, {source: 'image:h.io/r:1'}, {source: 'standalone:3.13', mirror: d/b/m}]\npython: {requirements: d/b/r.txt, wheels: [d/b/w, 'https://w/']}"},
		"a folder like a glob": {map[string]string{"p.yaml": "extends: 'a[b]/a.yaml'", "a[b]/a.yaml": "files: {from: x, to: /x}"}, "files: {from: 'a\\[b\\]/x', to: /x}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := spec.Read(writeSpecs(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			want, err := spec.Parse("want.yaml", []byte(c.want))
			if err != nil {
				t.Fatal(err)
			}
			gotText, err := got.YAML()
			if err != nil {
				t.Fatal(err)
			}
			wantText, err := want.YAML()
			if diff := cmp.Diff(string(wantText), string(gotText)); diff != "" || err != nil {
				t.Errorf("merged (-want +got), %v:\n%s", err, diff)
			}
			if got.Digest() != want.Digest() {
				t.Error("the digest is another one")
			}
		})
	}
}

func TestExtendsRefuses(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	if err := os.WriteFile(outside, []byte("packages: [x]"), 0o600); err != nil {
		t.Fatal(err)
	}
	deep := map[string]string{"p.yaml": "extends: 0.yaml"}
	for i := range 20 {
		deep[fmt.Sprintf("%d.yaml", i)] = fmt.Sprintf("extends: %d.yaml", i+1)
	}
	wide, names := map[string]string{}, []string{}
	for i := range 100 {
		name := fmt.Sprintf("%d.yaml", i)
		wide[name] = "packages: [x]"
		names = append(names, name)
	}
	wide["p.yaml"] = "extends: [" + strings.Join(names, ", ") + "]"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"itself":             {map[string]string{"p.yaml": "extends: p.yaml"}, "p.yaml:1:10: extends: \"p.yaml\" extends itself: p.yaml -> p.yaml"},
		"a cycle":            {map[string]string{"p.yaml": "extends: d/a.yaml", "d/a.yaml": "extends: [../b.yaml]", "b.yaml": "extends: d/a.yaml"}, "b.yaml:1:10: extends: \"d/a.yaml\" extends itself: d/a.yaml -> b.yaml -> d/a.yaml"},
		"a cycle by symlink": {map[string]string{"p.yaml": "extends: a.yaml", "a.yaml": "-> p.yaml"}, "extends itself: p.yaml -> a.yaml"},
		"outside":            {map[string]string{"p.yaml": "extends: d/a.yaml", "d/a.yaml": "extends: ../../x.yaml"}, "a.yaml:1:10: extends: \"../../x.yaml\" is outside of"},
		"a symlink outside":  {map[string]string{"p.yaml": "extends: a.yaml", "a.yaml": "-> " + outside}, "is a symlink that leads out of"},
		"a folder outside":   {map[string]string{"p.yaml": "extends: d/outside.yaml", "d": "-> " + filepath.Dir(outside)}, "is a symlink that leads out of"},
		"a folder":           {map[string]string{"p.yaml": "extends: d", "d/a.yaml": ""}, "it is a folder, and a file is expected"},
		"too deep":           {deep, "extend each other more than 8 deep"},
		"too many":           {wide, "more than 64 files are extended"},
		"too large":          {map[string]string{"p.yaml": "extends: [a.yaml, b.yaml]", "a.yaml": strings.Repeat("#\n", 1<<18), "b.yaml": strings.Repeat("#\n", 1<<18)}, "have more than 1048576 bytes"},
		"a fault there":      {map[string]string{"p.yaml": "extends: a.yaml\nimage: {ports: [x]}", "a.yaml": "\nlayers: {max: 1000}"}, "a.yaml:2:15: layers.max: expected a number"},
		"files from outside": {map[string]string{"p.yaml": "extends: d/a.yaml", "d/a.yaml": "files: {from: ../../x, to: /x}"}, "a.yaml:1:15: files.from: expected a path below the spec's folder"},
		"a key twice":        {map[string]string{"p.yaml": "extends: a.yaml", "a.yaml": "sbom: spdx\nsbom: spdx"}, "a.yaml:2:1: sbom: given twice"},
		"no anchor there":    {map[string]string{"p.yaml": "extends: a.yaml\nimage: {env: &x {A: b}}", "a.yaml": "image: {labels: *x}"}, "a.yaml:1:17: the alias \"x\" has no anchor before it"},
		"a list":             {map[string]string{"p.yaml": "extends: a.yaml", "a.yaml": "- a"}, "expected a mapping"},
		"two words":          {map[string]string{"p.yaml": "extends: a.yaml b.yaml"}, "there is no file \"a.yaml b.yaml\""},
		"a variable":         {map[string]string{"p.yaml": "extends: '{A}.yaml'\nvars: {A: b}"}, "cannot hold one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := spec.Read(writeSpecs(t, c.files))
			if !errors.As(err, new(*spec.Error)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read = %v, want a *spec.Error with %q", err, c.want)
			}
		})
	}
	if _, err := spec.Parse("p.yaml", []byte("extends: a.yaml")); err == nil || !strings.Contains(err.Error(), "only a spec that is read from a file") {
		t.Errorf("Parse = %v, want an error for extends", err)
	}
}

// TestMergingIsBounded merges documents whose aliases would become 2^30 values.
func TestMergingIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("a0: &a0 {x: {y: 1}}\n")
	for i := range 30 {
		fmt.Fprintf(&text, "a%[2]d: &a%[2]d {l: *a%[1]d, r: *a%[1]d}\n", i, i+1)
	}
	_, err := spec.Read(writeSpecs(t, map[string]string{"p.yaml": "extends: a.yaml\n" + text.String(), "a.yaml": text.String()}))
	if err == nil || !strings.Contains(err.Error(), "more than 200000 values") {
		t.Errorf("Read = %.300v, want an error for too many values", err)
	}
}

// FuzzExtends merges two documents. The second time all is one document, the printed one.
func FuzzExtends(f *testing.F) {
	f.Add("image: {env: {A: b}}", "image: {env: {A: c}}\nvars: {A: 1}")
	f.Add("image: {env: {}, cmd: []}", "image: {entrypoint: [], labels: {}}\nallocator: {preload: /x, env: {}}")
	f.Add("extends: p.yaml", "packages: &a [*a]")
	f.Add("a: &a {b: *a}", "a: *a\nfiles: {from: '{A}', to: /x}")
	f.Fuzz(func(t *testing.T, below, above string) {
		s, err := spec.Read(writeSpecs(t, map[string]string{"p.yaml": "extends: d/a.yaml\n" + above, "d/a.yaml": below}))
		if err != nil {
			return
		}
		text, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Parse("again.yaml", text)
		if err != nil || again.Digest() != s.Digest() {
			t.Errorf("printed as\n%s\nit is read as another one: %v", text, err)
		}
	})
}
