package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/goccy/go-yaml"

	"github.com/pyimg/pyimg/sbom"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const changelog = `# Changelog

## Unreleased

- one thing

## v1.10.0-rc1 (2026-12-01)

### New

- another

## v1.1.0 (2026-11-01)

## v1.0.0 (2026-10-01)

- the first
`

func TestNotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ version, want, fault string }{
		{"v1.10.0-rc1", "### New\n\n- another\n", ""},
		{"v1.0.0", "- the first\n", ""},
		{"v1.1.0", "", "is empty"},
		{"v1.10.0", "", "there is no section"},
		{"Unreleased", "", "there is no section"},
		{"", "", "there is no section"},
	} {
		got, err := notes(changelog, c.version)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("notes(%q) = %q, %v, want %q and an error with %q", c.version, got, err, c.want, c.fault)
		}
	}
}

// TestChangelog holds the headings of CHANGELOG.md to the form that the notes of a release are found by, newest first.
func TestChangelog(t *testing.T) {
	t.Parallel()
	text := read(t, "CHANGELOG.md")
	var dates []string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "## ") {
			continue
		}
		m := heading().FindStringSubmatch(line)
		if m == nil {
			t.Errorf("CHANGELOG.md: the heading %q is neither %q nor \"## vX.Y.Z (YYYY-MM-DD)\"", line, "## "+unreleased)
		} else if m[2] != "" {
			dates = append(dates, m[3])
		} else if len(dates) > 0 {
			t.Errorf("CHANGELOG.md: %q comes after a version", line)
		}
	}
	slices.Reverse(dates)
	if !slices.IsSorted(dates) {
		t.Error("CHANGELOG.md: the newest version does not come first")
	}
}

// TestModules reads what this test was built from.
func TestModules(t *testing.T) {
	t.Parallel()
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Fatal("the test has no build information")
	}
	if _, err := modules(info); err == nil {
		t.Error("a program that does not name its commit has a bill of materials")
	}
	released := buildinfo.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/pyimg/pyimg", Version: "v1.2.3"},
		Deps: []*debug.Module{{Path: "golang.org/x/sys", Version: "v0.50.0", Sum: "h1:abc="},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new/v2", Version: "v2.0.0"}}},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"}, {Key: "vcs.time", Value: "2026-11-28T12:00:00Z"},
			{Key: "vcs.revision", Value: "abc"}}}
	d, err := modules(&released)
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, c := range d.Components {
		urls = append(urls, c.PURL)
	}
	want := []string{"pkg:golang/golang.org/x/sys@v0.50.0", "pkg:golang/example.com/new/v2@v2.0.0", "pkg:golang/stdlib@1.26.8", "pkg:golang/github.com/pyimg/pyimg@v1.2.3"}
	if !slices.Equal(urls, want) || d.Platform != "linux/arm64" || d.Name != "pyimg" {
		t.Errorf("modules() = %s %s %q, want %q", d.Name, d.Platform, urls, want)
	}
	if program := d.Components[3]; len(program.Contains) != 3 || program.Kind != sbom.Application {
		t.Errorf("the program is %+v", program)
	}
	if _, err := sbom.CycloneDX(d); err != nil {
		t.Error(err)
	}
}

// config is what the tests read of .goreleaser.yaml.
type config struct {
	Builds []struct {
		Flags, Tags, Ldflags, Env, Targets []string
	}
	Archives []struct {
		NameTemplate string `yaml:"name_template"`
	}
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
	}
	Signs []struct{ Signature string }
}

func goreleaser(t *testing.T) config {
	t.Helper()
	var c config
	if err := yaml.Unmarshal([]byte(read(t, ".goreleaser.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReleaseIsBuiltAsMakeBuilds compares the flags: then anybody can make a release's bytes again.
func TestReleaseIsBuiltAsMakeBuilds(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^\t(CGO_ENABLED=0) \$\(GO\) build (-trimpath) -tags (\S+) -ldflags "([^"]*)" -o \S+ \./cmd/pyimg$`).FindStringSubmatch(read(t, "Makefile"))
	if m == nil {
		t.Fatal("Makefile has no line that builds bin/pyimg")
	}
	for _, b := range goreleaser(t).Builds {
		for _, c := range []struct {
			what      string
			got, want []string
		}{{"env", b.Env, m[1:2]}, {"flags", b.Flags, []string{m[2], "-buildvcs=true"}}, {"tags", b.Tags, m[3:4]}, {"ldflags", b.Ldflags, m[4:5]}} {
			if !slices.Equal(c.got, c.want) {
				t.Errorf(".goreleaser.yaml: %s are %q, and those of \"make build\" %q", c.what, c.got, c.want)
			}
		}
	}
}

// TestNamesOfFiles fills GoReleaser's templates in for each target: ci/install.sh must ask for these names, and release/roots.sh must
// know each program for Linux.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	c, install, roots := goreleaser(t), read(t, "ci/install.sh"), read(t, "release/roots.sh")
	const version = "1.2.3"
	type target struct{ ProjectName, Version, Os, Arch, Arm string }
	fill := func(text string, of target) string {
		t.Helper()
		var b strings.Builder
		if err := template.Must(template.New("").Parse(text)).Execute(&b, of); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := fill(c.Checksum.NameTemplate, target{ProjectName: "pyimg", Version: version}); got != "pyimg_"+version+"_checksums.txt" || !strings.Contains(install, "sums=pyimg_${number}_checksums.txt\n") {
		t.Errorf("the list of checksums is %s, and ci/install.sh asks for another one", got)
	}
	if got := c.Signs[0].Signature; got != "${artifact}.sigstore.json" || !strings.Contains(install, `/$sums.sigstore.json"`) {
		t.Errorf("the signature is %s, and ci/install.sh asks for another one", got)
	}
	if !strings.Contains(install, "archive=pyimg_${number}_${os}_${arch}.$ending\n") {
		t.Error("ci/install.sh names archives in another way than this test knows")
	}
	linux := 0
	for _, name := range slices.Concat(c.Builds[0].Targets, c.Builds[1].Targets) {
		parts := strings.Split(name, "_")
		of := target{"pyimg", version, parts[0], parts[1], strings.Join(parts[2:], "")}
		arch, ok := strings.CutPrefix(fill(c.Archives[0].NameTemplate, of), "pyimg_"+version+"_"+of.Os+"_")
		if !ok || !regexp.MustCompile(`[ |\t](`+arch+`)[ );]`).MatchString(strings.ReplaceAll(install, "\n", " ")) {
			t.Errorf("ci/install.sh does not know the archive for %s, whose machine is %q", name, arch)
		}
		if of.Os != "linux" {
			continue
		}
		linux++
		if !regexp.MustCompile(`\w:\w+_` + name + `[_ ;\n]`).MatchString(roots) {
			t.Errorf("release/roots.sh does not know %s", name)
		}
	}
	var own struct{ Platforms []string }
	if err := yaml.Unmarshal([]byte(read(t, "release/pyimg.yaml")), &own); err != nil {
		t.Fatal(err)
	}
	if len(own.Platforms) != linux {
		t.Errorf("release/pyimg.yaml has %d platforms, and %d programs for Linux are built", len(own.Platforms), linux)
	}
}
