package spec_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/assemble/spec"
)

func TestDefaultSpecIsInForce(t *testing.T) {
	t.Parallel()
	s, text := spec.Default()
	if len(text) == 0 || s.Alpine.Branch == "" || len(s.Platforms) != 2 || s.Allocator.Name != "jemalloc" {
		t.Errorf("DefaultSpec() = %+v, want a branch, two platforms and jemalloc", s)
	}
}

func TestParseSpecReadsScalarsAsWritten(t *testing.T) {
	t.Parallel()
	s, err := spec.Parse("s.yaml", []byte("runtime: {python: 3.10, source: \"x-{version}.tar.gz\"}\nimage: {user: 0755, env: {A: 1e3, B: yes, C: \"\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Runtimes[0].Python; got != "3.10" {
		t.Errorf("python = %q, want 3.10", got)
	}
	if got := s.Image.User; got != "0755" {
		t.Errorf("user = %q, want 0755", got)
	}
	if diff := cmp.Diff(map[string]string{"A": "1e3", "B": "yes", "C": ""}, s.Image.Env); diff != "" {
		t.Errorf("env (-want +got):\n%s", diff)
	}
}

func TestParseSpecSaysAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	const text = `alpine:
  branch: 3.20
  mirors: [x]
platforms: [linux/sparc]
packages: ["a=", ok]
layers: {max: 1000}
image: {ports: [http], workdir: relative}
`
	_, err := spec.Parse("five.yaml", []byte(text))
	var spec *spec.Error
	if !errors.As(err, &spec) {
		t.Fatalf("ParseSpec = %v, want a *SpecError", err)
	}
	want := []string{"five.yaml:2:11: alpine.branch:", "five.yaml:3:3: alpine.mirors:", "five.yaml:4:13: platforms[0]:",
		"five.yaml:5:12: packages[0]:", "five.yaml:6:15: layers.max:", "five.yaml:7:17: image.ports[0]:", "five.yaml:7:33: image.workdir:"}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d faults, want %d:\n%v", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %d = %q, want it to begin with %q", i, got[i], want[i])
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"syntax":             {"a: [1\n", "reading YAML"},
		"braces unquoted":    {"runtime: {source: a-{alpine_arch}.tar.gz}\n", "is quoted"},
		"a second one":       {"platforms: x86_64\n---\npackages: [a]\n", "one YAML document"},
		"an empty one first": {"---\n---\npackages: [a]\n", "one YAML document"},
		"a list":             {"- a\n", "expected a mapping"},
		"a key twice":        {"packages: [a]\npackages: [b]\n", "given twice"},
		"a tag":              {"packages:\n  - !docs\n", "write it in quotes"},
		"a lone alias":       {"packages: *x\n", "no anchor"},
		"a mapping":          {"packages: {a: b}\n", "expected a single value"},
		"no source":          {"runtime: {python: \"3.13\"}\n", "source is missing"},
		"no version":         {"runtime: {source: \"a-{version}\"}\n", "python must give the version"},
		"a bad template":     {"runtime: {source: \"a-{cpu}\"}\n", "unknown {cpu}"},
		"no image":           {"runtime: {source: \"image:\"}\n", "expected image:HOST"},
		"a layout":           {"runtime: {source: \"oci:layout\"}\n", `expected oci:HOST/REPOSITORY:TAG, found "oci:layout"; an OCI layout on disk is image:oci:layout`},
		"a layout below":     {"runtime: {source: {linux/amd64: \"oci:./a/b\"}}\n", "an OCI layout on disk is image:oci:./a/b"},
		"an oci in capitals": {"runtime: {source: \"oci:h.io/R:1\"}\n", `did you mean "image:h.io/r:1"`},
		"an image by URL":    {"runtime: {source: \"image:https://x/y\"}\n", "expected image:HOST"},
		"no version's build": {"runtime: {source: \"standalone:newest\"}\n", "expected standalone:VERSION"},
		"an old build":       {"runtime: {source: \"standalone:3.13@20250101\"}\n", "load no extension modules"},
		"an image's sum":     {"runtime: {source: \"image:x\", sha256: \"" + strings.Repeat("0", 64) + "\"}\n", "pin an image with image:REF@"},
		"paths of a tarball": {"runtime: {source: x, paths: usr}\n", "only for a source that is an image"},
		"paths that escape":  {"runtime: {source: \"image:x\", paths: ../etc}\n", "expected a path in the image"},
		"a tarball's mirror": {"runtime: {source: x, mirror: y}\n", "only for a source of python-build-standalone"},
		"a platform twice":   {"runtime: {source: {amd64: x, linux/amd64: y}}\n", "given twice"},
		"no such quality":    {"runtime: {source: x, require: [fast]}\n", "known are pgo, lto"},
		"use of jemalloc":    {"allocator: {name: jemalloc, use: preload}\n", "use is only for mimalloc"},
		"conf of mimalloc":   {"allocator: {name: mimalloc, conf: {a: b}}\n", "conf is only for jemalloc"},
		"two options":        {"allocator: {name: jemalloc, conf: {\"a:b,c\": d}}\n", "an option of MALLOC_CONF"},
		"from nowhere":       {"allocator: {name: none, from: apk}\n", "only for a library that is preloaded by name"},
		"a bad sum":          {"runtime: {source: x, sha256: abc}\n", "64 lower-case hex"},
		"prefix escapes":     {"runtime: {source: x, prefix: usr}\n", "absolute path"},
		"a bad allocator":    {"allocator: tcmalloc\n", "expected jemalloc"},
		"a near name":        {"packges: [a]\n", `packges: unknown field; did you mean "packages"? known here`},
		"a near name inside": {"image: {entrypont: [a]}\n", `did you mean "entrypoint"?`},
		"a far name":         {"zzzzzz: 1\n", "zzzzzz: unknown field; known here"},
		"a command line":     {"image: {cmd: python3 -m app}\n", `expected a list of words, found "python3 -m app"; write ["python3", "-m", "app"]`},
		"quoted words":       {"image: {entrypoint: \"python3 -c 'a b' x\"}\n", `write ["python3", "-c", "a b", "x"]`},
		"a shell's line":     {"image: {cmd: \"a && b\"}\n", `write ["sh", "-c", "a && b"]`},
		"a block as command": {"image:\n  cmd: |\n    a b\n", "expected a list of words"},
		"packages in a row":  {"packages: musl busybox\n", `a list is written as ["musl", "busybox"]`},
		"platforms in a row": {"platforms: amd64,arm64\n", `a list is written as ["amd64", "arm64"]`},
		"ports in a row":     {"image: {ports: 80 443}\n", `a list is written as ["80", "443"]`},
		"capital letters":    {"runtime: {source: \"image:ghcr.io/You/{version}/Ab:V1\", python: \"3\"}\n", `did you mean "image:ghcr.io/you/{version}/ab:V1"?`},
		"a newline in env":   {"image: {env: {\"A\\nB\": c}}\n", `s.yaml:1:23: image.env."A\nB": expected an environment variable`},
		"a tab in env":       {"image: {env: {\"A\\tB\": c}}\n", "expected an environment variable"},
		"a space in env":     {"image: {env: {\"A B\": c}}\n", "expected an environment variable"},
		"a wide space":       {"image: {env: {\"A\\u3000B\": c}}\n", "expected an environment variable"},
		"an empty env":       {"image: {env: {\"\": c}}\n", "expected an environment variable"},
		"a NUL in env":       {"image: {env: {\"A\\0\": c}}\n", "expected an environment variable"},
		"allocator's env":    {"allocator: {preload: /x, env: {\"A B\": c}}\n", "expected an environment variable"},
		"an escape in label": {"image: {labels: {\"a\\e[2J\": x}}\n", `image.labels."a\x1b[2J": expected a key`},
		"a label's newline":  {"image: {labels: {\"a\\nb\": x}}\n", "expected a key"},
		"no annotation":      {"image: {annotations: {\"\": x}}\n", "expected a key"},
		"an escape in a key": {"\"\\e[31mfoo\": 1\n", `"\x1b[31mfoo": unknown field`},
		"an override":        {"\"a\\u202eb\": 1\n", `"a\u202eb": unknown field`},
		"C1 in a value":      {"image: {user: \"a\\x9b31m\"}\n", "control character '\\u009b'"},
		"control in a key":   {"image: {env: {\"A=B\": c}}\n", "environment variable"},
		"files from nowhere": {"files: {to: /a}\n", "from is missing"},
		"files to nowhere":   {"files: {from: a}\n", "to is missing"},
		"from outside":       {"files: {from: a/../../b, to: /a}\n", "below the spec's folder"},
		"from the root":      {"files: {from: /etc/passwd, to: /a}\n", "below the spec's folder"},
		"a bad glob":         {"files: {from: \"a[\", to: /a}\n", "expected a path or a glob"},
		"to escapes":         {"files: {from: a, to: /a/../../b}\n", "absolute path"},
		"a decimal mode":     {"files: {from: a, to: /a, mode: 0689}\n", "octal digits"},
		"no mode":            {"files: {from: a, to: /a, mode: 0}\n", "octal digits"},
		"a negative owner":   {"files: {from: a, to: /a, uid: -1}\n", "expected a number"},
		"a bad flag":         {"files: {from: a, to: /a, replace: yes}\n", "true or false"},
		"a bad exclude":      {"files: {from: a, to: /a, exclude: /b}\n", "without a leading slash"},
		"a folder twice":     {"dirs: [{path: /a}, {path: /a/}]\n", "given twice"},
		"the root":           {"dirs: {path: /}\n", "below the root"},
		"excluding nothing":  {"exclude: \"!\"\n", "found nothing"},
		"excluding a path":   {"exclude: /usr\n", "without a leading slash"},
		"a user's number":    {"accounts: {users: {name: a}}\n", "a name and a uid"},
		"a user's name":      {"accounts: {users: {name: \"a:b\", uid: 1}}\n", "the name of an account"},
		"a user's field":     {"accounts: {users: {name: a, uid: 1, gecos: \"a:b\"}}\n", "a colon separates"},
		"a user's home":      {"accounts: {users: {name: a, uid: 1, home: a}}\n", "absolute path"},
		"a user twice":       {"accounts: {users: [{name: a, uid: 1}, {name: b, uid: 1}]}\n", "is listed before it"},
		"a group's number":   {"accounts: {groups: {name: a}}\n", "a name and a gid"},
		"a group twice":      {"accounts: {groups: [{name: a, gid: 1}, {name: a, gid: 2}]}\n", "is listed before it"},
		"a huge number":      {"accounts: {users: {name: a, uid: 2147483648}}\n", "expected a number"},
		"a health word":      {"image: {healthcheck: off}\n", `expected none, or {test: COMMAND`},
		"a health list":      {"image: {healthcheck: [a]}\n", "expected a single value, found a list"},
		"no test":            {"image: {healthcheck: {interval: 30s}}\n", "s.yaml:1:22: image.healthcheck: test is missing"},
		"an empty test":      {"image: {healthcheck: {test: \"\"}}\n", "expected one command line"},
		"a bare test":        {"image: {healthcheck: {test: [curl, localhost]}}\n", `write ["CMD", "curl", ...]`},
		"a test of nothing":  {"image: {healthcheck: {test: [CMD]}}\n", "a program and its arguments after CMD"},
		"two lines of shell": {"image: {healthcheck: {test: [CMD-SHELL, a, b]}}\n", "expected one command line after CMD-SHELL"},
		"nothing and a test": {"image: {healthcheck: {test: [NONE, a]}}\n", "NONE takes no command"},
		"none, with a time":  {"image: {healthcheck: {test: [NONE], interval: 1s}}\n", "takes no other field"},
		"no unit":            {"image: {healthcheck: {test: a, interval: 30}}\n", `image.healthcheck.interval: expected a duration from 1ms to 24h with its unit, such as 30s or 1m30s, found "30"`},
		"no time":            {"image: {healthcheck: {test: a, timeout: 0s}}\n", "expected a duration from 1ms"},
		"a negative time":    {"image: {healthcheck: {test: a, start_period: -1s}}\n", "expected a duration from 1ms"},
		"no retry":           {"image: {healthcheck: {test: a, retries: 0}}\n", "expected a number from 1"},
		"docker's word":      {"image: {healthcheck: {test: a, startPeriod: 1s}}\n", `did you mean "start_period"?`},
		"control":            {"image: {user: \"a\\u001b[31m\"}\n", "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := spec.Parse("s.yaml", []byte(c.text))
			var spec *spec.Error
			if !errors.As(err, &spec) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSpec(%q) = %v, want a *SpecError with %q", c.text, err, c.want)
			}
		})
	}
}

// TestSpecsAreBounded has what would take the parser long, or much memory.
func TestSpecsAreBounded(t *testing.T) {
	t.Parallel()
	const n = 50_000
	indented := func(key string) string {
		var b strings.Builder
		for i := range 300 {
			b.WriteString(strings.Repeat(" ", i) + key + "\n")
		}
		return b.String()
	}
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	long := "files: &f {from: a, to: /a, exclude: &e [" + strings.Repeat("b, ", 1000) + "]}\n"
	for name, c := range map[string]struct{ text, want string }{
		"lists":          {"packages: " + strings.Repeat("[", n), "s.yaml:1:42: nested more than 32 deep"},
		"closed lists":   {strings.Repeat("[", n) + strings.Repeat("]", n), "s.yaml:1:33: nested more than 32 deep"},
		"lists by line":  {strings.Repeat("[\n", n), "s.yaml:33:1: nested more than 32 deep"},
		"mappings":       {strings.Repeat("{a: ", n), "nested more than 32 deep"},
		"both":           {strings.Repeat("[{a: ", n), "nested more than 32 deep"},
		"dashes":         {strings.Repeat("- ", n), "s.yaml:1:65: nested more than 32 deep"},
		"question":       {strings.Repeat("? ", n), "nested more than 32 deep"},
		"in a bracket":   {"[" + strings.Repeat("? ", n), "nested more than 32 deep"},
		"keys in a row":  {"[" + strings.Repeat("a: ", n), "nested more than 32 deep"},
		"tags":           {"a: " + strings.Repeat("!!str ", n), "nested more than 32 deep"},
		"indented keys":  {indented("a:"), "s.yaml:33:33: nested more than 32 deep"},
		"indented list":  {indented("-"), "nested more than 32 deep"},
		"quoted keys":    {indented(`"a b":`), "nested more than 32 deep"},
		"documents":      {strings.Repeat("a: b\n---\n", n), "one YAML document"},
		"ends":           {strings.Repeat("a: b\n...\n", n), "one YAML document"},
		"keys":           {numbered(n/10, "k%d: v\n"), "a mapping has more than 2000 keys"},
		"equal keys":     {strings.Repeat("k: v\n", n/10), "a mapping has more than 2000 keys"},
		"deeper keys":    {"a:\n" + numbered(n/10, " k%d: v\n"), "a mapping has more than 2000 keys"},
		"odd keys":       {numbered(n/10, "? k%d\n: v\n"), "a mapping has more than 2000 keys"},
		"merges":         {"a: &a {}\nb:\n" + strings.Repeat(" <<: *a\n", n/10), "a mapping has more than 2000 keys"},
		"words":          {"packages:\n" + strings.Repeat("- a\n", n+1), "more than 100000 words and signs"},
		"bytes":          {"#" + strings.Repeat("x", 1<<20), "s.yaml:1:1048577: the spec has more than 1048576 bytes"},
		"bytes by line":  {strings.Repeat("# x\n", 1<<18+1), "s.yaml:262145:1: the spec has more than 1048576 bytes"},
		"aliases":        {long + "exclude: [x]\nruntime: [" + strings.Repeat("{source: a, exclude: *e}, ", 1000) + "]\n", "more than 200000 values"},
		"an alias in it": {"a: &a [" + strings.Repeat("*a, ", 1000) + "]\n", "unknown field"},
		"faults":         {numbered(1000, "k%d: v\n"), "there are more faults"},
		"a long key":     {strings.Repeat("k", 100_000) + ": v\n", "unknown field"},
		"a long value":   {"packages: [\"" + strings.Repeat(" ", 100_000) + "\"]\n", "packages[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := spec.Parse("s.yaml", []byte(c.text)) // unbounded, some take minutes or all memory
			var spec *spec.Error
			if !errors.As(err, &spec) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSpec = %.1000v, want a *SpecError with %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 200_000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestSpecsWithinTheirBounds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\nplatforms: amd64\nimage:\n  env:\n")
	for i := range 1900 {
		fmt.Fprintf(&b, "    a.b-c%d: \"[[[[ {a: {b: - - - - %d\"\n", i, i)
	}
	fmt.Fprintf(&b, "  labels:\n    a: '%s'\n    b: |\n      %s\npackages:\n", strings.Repeat("{[", 100), strings.Repeat("- ", 100))
	for i := range 20_000 {
		fmt.Fprintf(&b, "  - p%d\n", i)
	}
	s, err := spec.Parse("s.yaml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%.2000v", err)
	}
	if len(s.Image.Env) != 1900 || len(s.Packages) != 20_000 {
		t.Errorf("%d variables and %d packages, want 1900 and 20000", len(s.Image.Env), len(s.Packages))
	}
}

func TestSpecYAMLRoundTrips(t *testing.T) {
	t.Parallel()
	const text = `alpine: {branch: v3.20, repositories: [main, "@edge https://example.com/edge/main"], dialect: 2}
platforms: [arm64, amd64]
packages: [busybox, "a>=1.0", "b@edge", "!c"]
runtime: [{source: x.tar.gz, sha256: {linux/amd64: 0000000000000000000000000000000000000000000000000000000000000000}, prefix: /opt/py, exclude: "**/test/**", owner: "0:0"}, {source: apk, require: [pgo, o3]}, {source: {amd64: "image:example.com/py:1@sha256:0", arm64: "standalone:3.13@20251120"}, mirror: /pbs, paths: [usr/local, opt], python: "3.13"}]
allocator: {preload: /usr/lib/x.so, env: {X: "1"}}
files: [{from: ./app/, to: /app/, uid: 1, gid: 2, mode: 0640, dir_mode: 750, exclude: ["*.pyc", "!a.pyc"], replace: true}, {from: "*.md", to: /doc}]
dirs: {path: /data, uid: 3, mode: 1777}
accounts: {users: [{name: app, uid: 0, gid: 0, gecos: A B, home: /app, shell: /bin/sh, groups: [x]}, {name: b, uid: 5}], groups: {name: x, gid: 0, members: [app]}}
exclude: [usr/share/man/**, "!usr/share/man/de/**"]
image: {cmd: [python3, -c, "print(1)"], env: {A: "010"}, labels: {a: "yes"}, ports: [8080], volumes: [/data], stop_signal: SIGINT}
layers: {max: 10, compression: zstd, level: 19}
`
	s, err := spec.Parse("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := spec.Parse("s.yaml", out)
	if err != nil {
		t.Fatalf("reading back:\n%s\n%v", out, err)
	}
	if diff := cmp.Diff(s, again, cmpopts.IgnoreFields(s, "Asked")); diff != "" {
		t.Errorf("after a round trip (-before +after):\n%s\n%s", diff, out)
	}
	if s.Digest() != again.Digest() {
		t.Errorf("digest %s after a round trip, %s before", again.Digest(), s.Digest())
	}
}

func TestAllocatorsYAMLRoundTrips(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"mimalloc", "{name: mimalloc, use: preload, secure: false, from: apk}", "{name: jemalloc, conf: {narenas: 2, dirty_decay_ms: 0}, from: runtime, env: {A: b}}",
	} {
		s, err := spec.Parse("s.yaml", []byte("allocator: "+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Parse("s.yaml", out)
		if err != nil {
			t.Fatalf("reading back:\n%s\n%v", out, err)
		}
		if diff := cmp.Diff(s, again, cmpopts.IgnoreFields(s, "Asked")); diff != "" {
			t.Errorf("after a round trip (-before +after):\n%s\n%s", diff, out)
		}
	}
}

func TestSpecThatUsesNoneOfItKeepsItsDigest(t *testing.T) {
	t.Parallel()
	s, err := spec.Parse("s.yaml", []byte("alpine: {branch: v3.20}\nplatforms: amd64\npackages: [busybox]\n"))
	if err != nil {
		t.Fatal(err)
	}
	// Locks that were written before there were files, accounts and excludes hold this.
	const want = "sha256:f7e3ad2cd48809ab62b063b8d4cca2212d1e59f12cd364043b677985a33a067f"
	if got := s.Digest(); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestPlatformsStandInIndexOrder(t *testing.T) {
	t.Parallel()
	ps, err := spec.ParsePlatforms("linux/arm/v6,armv7, linux/arm64/v8,x86_64,linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		got = append(got, p.String()+" "+p.Alpine())
	}
	want := []string{"linux/amd64 x86_64", "linux/arm64 aarch64", "linux/arm/v7 armv7", "linux/arm/v6 armhf"}
	if !slices.Equal(got, want) {
		t.Errorf("ParsePlatforms = %v, want %v", got, want)
	}
}

func FuzzParseSpec(f *testing.F) {
	_, text := spec.Default()
	f.Add(text)
	f.Add([]byte("a: &x {b: *x}\n"))
	f.Add([]byte("packages: [\"!a\", b@c, ><]\nimage: {env: {A: |\n  x\n}}\n"))
	f.Add([]byte("files: {from: a, to: /b/, mode: 0o755}\naccounts: {users: {name: a, uid: 1, gid: 0}, groups: {name: b, gid: 2}}\nexclude: \"!a\"\n"))
	f.Add([]byte("layers:\n  max: 0x10\nalpine: [\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := spec.Parse("f.yaml", data)
		if err != nil {
			return
		}
		out, err := s.YAML()
		if err != nil {
			t.Fatalf("YAML: %v", err)
		}
		if _, err := spec.Parse("out.yaml", out); err != nil {
			t.Errorf("a spec that was read does not read back: %v\n%s", err, out)
		}
	})
}

// A field that is new must not change what a spec without it says, or each lock would be stale: it needs ",omitempty".
func TestDigestStays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"alpine: {branch: v3.22}\nplatforms: [linux/amd64]\npackages: [busybox]": "sha256:5526ee8f4a75ef9ecfb57986a509cdbc7dee7044d0d972210d1b947fbc70aace",
		"alpine: {branch: v3.22}\nruntime: {source: apk}\nallocator: jemalloc\n" +
			"files: {from: app, to: /app}\ndirs: {path: /data}\naccounts: {users: {name: app, uid: 1000}}\nimage: {cmd: [sh]}\nlayers: {max: 40}": "sha256:5bb06298b2fcf2b0fe5b712c24070fc52f8dad427fa5fdfcf4452b48f27c0b08",
	} {
		s, err := spec.Parse("test.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Digest(); got != want {
			t.Errorf("the digest of this spec was %s and is %s: each lock of such a spec is stale\n%s", want, got, text)
		}
	}
}

// TestOCISource: oci:REF is another word for image:REF, since artifacts are named so.
func TestOCISource(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"oci:ghcr.io/o/python:3.13": "image:ghcr.io/o/python:3.13", "oci:localhost/p": "image:localhost/p", "oci:127.0.0.1:5000/p@sha256:x": "image:127.0.0.1:5000/p@sha256:x",
		"image:oci:layout": "image:oci:layout", "x.tar.gz": "x.tar.gz",
	} {
		s, err := spec.Parse("s.yaml", []byte("runtime: {source: {linux/amd64: \""+given+"\"}}\nplatforms: [linux/amd64]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Runtimes[0].At(s.Platforms[0]); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
	var s spec.Spec
	if err := s.SetRuntimes([]string{"oci:ghcr.io/o/python"}); err != nil || s.Runtimes[0].Source != "image:ghcr.io/o/python" {
		t.Errorf("set: %+v, %v", s.Runtimes, err)
	}
	if err := s.SetRuntimes([]string{"oci:python"}); err == nil {
		t.Error("a layout was taken for a registry")
	}
}
