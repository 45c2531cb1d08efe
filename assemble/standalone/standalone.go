// Package standalone knows the releases of python-build-standalone: how they are named, which of their builds for musl can
// be used, and what their lists say. It reads nothing itself. See the project's docs, "Release Artifacts".
package standalone

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The first releases whose builds for musl can be used.
const (
	firstDynamic = "20250311" // before, they are static and load no extension modules
	firstSuffix  = "20251028" // before, those up to 3.12 have a wrong EXT_SUFFIX
)

// A Release names builds of python-build-standalone: VERSION[t][@TAG].
type Release struct {
	Tag string // YYYYMMDD; "" for the newest

	version      []int // 3.13 or 3.13.5
	freeThreaded bool
}

// Parse reads VERSION[t][@TAG], such as 3.13 or 3.13.5@20251028.
func Parse(s string) (Release, error) {
	m := regexp.MustCompile(`^(3\.\d{1,3}(?:\.\d{1,3})?)(t?)(?:@(\d{8}))?$`).FindStringSubmatch(s)
	if m == nil {
		return Release{}, fmt.Errorf("expected standalone:VERSION[t][@TAG], such as standalone:3.13 or standalone:3.13@20251028, found %q", "standalone:"+s)
	}
	r := Release{version: versionNumbers(m[1]), freeThreaded: m[2] != "", Tag: m[3]}
	if r.Tag != "" {
		return r, r.Check(r.Tag)
	}
	return r, nil
}

// Check refuses releases whose builds for musl do not work.
func (r Release) Check(tag string) error {
	if tag < firstDynamic {
		return fmt.Errorf("release %s: its builds for musl are static and load no extension modules; take one from %s on", tag, firstDynamic)
	}
	if tag < firstSuffix && slices.Compare(r.version[:2], []int{3, 12}) <= 0 {
		return fmt.Errorf("release %s: its Python up to 3.12 looks for extension modules of another C library (EXT_SUFFIX); take one from %s on", tag, firstSuffix)
	}
	return nil
}

func (r Release) String() string {
	parts := make([]string, len(r.version))
	for i, n := range r.version {
		parts[i] = strconv.Itoa(n)
	}
	s := strings.Join(parts, ".")
	if r.freeThreaded {
		s += "t"
	}
	return s
}

func versionNumbers(s string) []int {
	var out []int
	for _, part := range strings.Split(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // a pre-release, such as 3.15.0a1
		}
		out = append(out, n)
	}
	return out
}

// Latest reads the file that says which release is the newest, latest-release.json.
func Latest(raw []byte) (tag string, err error) {
	var latest struct {
		Tag string `json:"tag"`
	}
	if err := json.Unmarshal(raw, &latest); err != nil {
		return "", err
	}
	if !regexp.MustCompile(`^\d{8}$`).MatchString(latest.Tag) {
		return "", fmt.Errorf("expected a tag YYYYMMDD, found %.40q", latest.Tag)
	}
	return latest.Tag, nil
}

// Choose picks the newest file of the version from a release's SHA256SUMS ("digest  name" a line) for a triple such as
// x86_64-unknown-linux-musl: stripped where there is one that is. sum is hexadecimal.
func (r Release) Choose(sums []byte, tag, triple string) (file, sum string, err error) {
	var best []int
	var others []string
	for _, flavor := range []string{"install_only_stripped", "install_only"} {
		if r.freeThreaded {
			flavor = "freethreaded-" + flavor
		}
		for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
			digest, name, _ := strings.Cut(lines.Text(), " ")
			name = strings.TrimLeft(name, " *")
			version, ok := strings.CutPrefix(name, "cpython-")
			version, right := strings.CutSuffix(version, "+"+tag+"-"+triple+"-"+flavor+".tar.gz")
			if !ok || !right || !isSHA256(digest) {
				continue
			}
			v := versionNumbers(version)
			others = append(others, version)
			if len(v) == 3 && slices.Equal(v[:len(r.version)], r.version) && slices.Compare(v, best) > 0 {
				best, file, sum = v, name, digest
			}
		}
		if file != "" {
			return file, sum, nil
		}
	}
	slices.Sort(others)
	if others = slices.Compact(others); len(others) == 0 {
		return "", "", fmt.Errorf("it lists no file for %s", triple)
	}
	return "", "", fmt.Errorf("it has no Python %s for %s; it has %s", r, triple, strings.Join(others, ", "))
}

func isSHA256(s string) bool { return regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(s) }
