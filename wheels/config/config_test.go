package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/wheels/config"
)

const good = `
pythons: [{source: "cpython-{alpine_arch}.tar.gz"}]
platforms: [linux/arm64, linux/amd64]
wanted: {requirements: requirements.txt, packages: [markupsafe, "tornado>=6"], sdists: [./sdists]}
sources: [./sdists, https://pypi.example.com/simple/, "oci:ghcr.io/you/wheels:v1"]
index: ./index
key: index.key
builder:
  alpine: {branch: v3.20, repositories: [main]}
  packages: [build-base, "linux-headers>6"]
  mounts: ["./zig:/opt/zig"]
  env: {CC: "/opt/zig/zig cc -target {triplet}"}
packages:
  Needs_Zlib: {packages: [zlib-dev], env: {CFLAGS: -O1}, config_settings: {--jobs: 3}, patches: [a.patch], requires: [cython<3]}
  broken: {skip: does not compile on musl, platforms: [linux/arm64]}
limits: {time: 90m, memory: 4GiB, jobs: 3, tries: 2}
`

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("wheels.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	p := c.For("needs-zlib")
	if len(p.Packages) != 1 || p.Env["CFLAGS"] != "-O1" || p.Settings["--jobs"] != "3" || p.Requires[0] != "cython<3" || p.Patches[0] != "a.patch" {
		t.Errorf("needs-zlib is %+v", p)
	}
	if b := c.For("broken"); b.Skip != "does not compile on musl" || len(b.Platforms) != 1 {
		t.Errorf("broken is %+v", b)
	}
	if c.Platforms[0].String() != "linux/amd64" || len(c.Platforms) != 2 {
		t.Errorf("platforms are %v, want them sorted", c.Platforms)
	}
	if l := c.Limits; l.Time != 90*time.Minute || l.Memory != 4<<30 || l.Jobs != 3 || l.Tries != 2 {
		t.Errorf("limits are %+v", l)
	}
	if c.Prebuilt != config.Use || c.Builder.Mounts[0] != (config.Mount{Host: "./zig", Path: "/opt/zig"}) || c.Builder.Alpine.Branch != "v3.20" {
		t.Errorf("%+v", c)
	}
}

func TestParseReportsAllFaultsWithTheirPlaces(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("w.yaml", []byte(`pythons: [{source: x.tar.gz}]
platform: [linux/amd64]
wanted: {packages: ["!"], requirements: ["https://x/y"]}
index: ""
prebuilt: maybe
builder:
  mounts: [a, "b:/build/x", "c:/"]
  env: {"A B": x}
packages:
  a-b: {skip: ""}
  A_b: {skip: x}
  "!": {}
limits: {time: soon, memory: much, jobs: 0, tries: x}
sources: ["ftp://x", "oci:./folder"]
`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"w.yaml:2:1: platform: unknown field; did you mean \"platforms\"?", "w.yaml:3:21: wanted.packages[0]", "w.yaml:3:42: wanted.requirements[0]",
		"w.yaml:4:8: index", "w.yaml:5:11: prebuilt: expected one of use, build", "w.yaml:7:12: builder.mounts[0]", "w.yaml:7:15: builder.mounts[1]", "builder.mounts[2]",
		"w.yaml:8:16: builder.env.\"A B\"", "w.yaml:10:15: packages.a-b.skip", "w.yaml:11:3: packages: a-b is given twice", "w.yaml:12:3: packages: name",
		"w.yaml:13:16: limits.time", "limits.memory", "limits.jobs", "limits.tries", "w.yaml:14:11: sources[0]", "w.yaml:14:22: sources[1]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestParseNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":             "pythons: name at least one",
		"{}":           "platforms: name at least one",
		"index: x":     "wanted: name what",
		"sources: [a]": "index: name the folder",
		strings.Replace(good, "packages: [build-base", "folder: x\n  packages: [build-base", 1): "exclude each other",
	} {
		if _, err := config.Parse("w.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := config.Parse("w.yaml", data); err == nil && (len(c.Pythons) == 0 || c.Index == "") {
			t.Errorf("%+v", c)
		}
	})
}

func TestExampleIsRead(t *testing.T) {
	t.Parallel()
	if _, err := config.Read("../../examples/wheels/wheels.yaml"); err != nil {
		t.Error(err)
	}
}

func TestMemoryNeedsItsUnit(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"4", "4294967296"} {
		_, err := config.Parse("w.yaml", fmt.Appendf(nil, "limits: {memory: %s}\n", v))
		if want := fmt.Sprintf("limits.memory: expected a size such as 512MiB or 4GiB, found %q", v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}
