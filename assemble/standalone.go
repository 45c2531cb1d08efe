package assemble

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Where python-build-standalone publishes, and where it says which release is the newest: no API key is needed for either.
// See its docs, "Release Artifacts".
const (
	standaloneMirror = "https://github.com/astral-sh/python-build-standalone/releases/download"
	standaloneNewest = "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/latest-release.json"
)

const (
	maxLatest = 64 << 10 // a few lines of JSON
	maxSums   = 4 << 20  // a release has some 1000 files
)

// The first releases whose builds for musl can be used.
const (
	firstDynamic = "20250311" // before, they are static and load no extension modules
	firstSuffix  = "20251028" // before, those up to 3.12 have a wrong EXT_SUFFIX
)

// A release names builds of python-build-standalone: VERSION[t][@TAG].
type release struct {
	version      []int // 3.13 or 3.13.5
	freeThreaded bool
	tag          string // YYYYMMDD; "" for the newest
}

func parseRelease(s string) (release, error) {
	m := regexp.MustCompile(`^(3\.\d{1,3}(?:\.\d{1,3})?)(t?)(?:@(\d{8}))?$`).FindStringSubmatch(s)
	if m == nil {
		return release{}, fmt.Errorf("expected standalone:VERSION[t][@TAG], such as standalone:3.13 or standalone:3.13@20251028, found %q", fromStandalone+s)
	}
	r := release{version: versionNumbers(m[1]), freeThreaded: m[2] != "", tag: m[3]}
	if r.tag != "" {
		return r, r.check(r.tag)
	}
	return r, nil
}

// check refuses releases whose builds for musl do not work.
func (r release) check(tag string) error {
	if tag < firstDynamic {
		return fmt.Errorf("release %s: its builds for musl are static and load no extension modules; take one from %s on", tag, firstDynamic)
	}
	if tag < firstSuffix && slices.Compare(r.version[:2], []int{3, 12}) <= 0 {
		return fmt.Errorf("release %s: its Python up to 3.12 looks for extension modules of another C library (EXT_SUFFIX); take one from %s on", tag, firstSuffix)
	}
	return nil
}

func (r release) String() string {
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

// standalone finds the tarball of a build: in the release that is asked for or the newest one, with its SHA256SUMS, unless
// a lock says where it is.
func (r Runtime) standalone(ctx context.Context, spec Spec, name string, p Platform, pin LockedRuntime, src Sources) (place, error) {
	want, err := parseRelease(name)
	if err != nil {
		return place{}, err
	}
	mirror := strings.TrimRight(spec.path(cmp.Or(r.Mirror, standaloneMirror)), "/")
	to := place{public: fromStandalone + name, pinned: true}
	if pin.Digest != "" {
		file, ok := strings.CutPrefix(pin.URL, publicURL(mirror)+"/")
		if !ok || strings.Contains(file, "..") {
			return to, fmt.Errorf("the lock takes it from %s, which is not below the spec's mirror, %s", pin.URL, publicURL(mirror))
		}
		to.url, to.public, to.digest = mirror+"/"+file, pin.URL, pin.Digest
		return to, nil
	}
	triple := map[string]string{"x86_64": "x86_64-unknown-linux-musl", "aarch64": "aarch64-unknown-linux-musl"}[p.Alpine()]
	if triple == "" {
		return to, fmt.Errorf("python-build-standalone is built for musl on linux/amd64 and linux/arm64 alone; %s has %w", p, errNoSource)
	}
	tag := want.tag
	if tag == "" {
		if tag, err = src.releases.tag(mirror, func() (string, error) { return newestRelease(ctx, r.Mirror, mirror, src) }); err != nil {
			return to, err
		}
		if err := want.check(tag); err != nil {
			return to, err
		}
	}
	sums, err := readSmall(ctx, mirror+"/"+tag+"/SHA256SUMS", maxSums, src)
	if err != nil {
		return to, err
	}
	file, sum, err := want.choose(sums, tag, triple)
	if err != nil {
		return to, fmt.Errorf("release %s of python-build-standalone: %w", tag, err)
	}
	if isURL(mirror) {
		file = strings.ReplaceAll(file, "+", "%2B") // object stores take a plus for a space
	}
	to.url = mirror + "/" + tag + "/" + file
	to.public, to.digest = publicURL(to.url), "sha256:"+sum
	pinned, err := r.pinnedSum(p)
	if err == nil && pinned != "" {
		to.digest = pinned
	}
	return to, err
}

// newestRelease asks which release is the newest: the project's own file, or the same file at the top of a mirror.
func newestRelease(ctx context.Context, given, mirror string, src Sources) (string, error) {
	url := standaloneNewest
	if given != "" {
		url = mirror + "/latest-release.json"
	}
	raw, err := readSmall(ctx, url, maxLatest, src)
	if err != nil {
		return "", fmt.Errorf("asking for the newest release of python-build-standalone: %w; name one, as in standalone:3.13@20251028", err)
	}
	var latest struct {
		Tag string `json:"tag"`
	}
	if err := json.Unmarshal(raw, &latest); err != nil {
		return "", fmt.Errorf("reading %s: %w", publicURL(url), err)
	}
	if !regexp.MustCompile(`^\d{8}$`).MatchString(latest.Tag) {
		return "", fmt.Errorf("reading %s: expected a tag YYYYMMDD, found %.40q", publicURL(url), latest.Tag)
	}
	return latest.Tag, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(ctx context.Context, url string, limit int64, src Sources) ([]byte, error) {
	f, err := src.Fetch.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", publicURL(url), err)
	}
	return raw, nil
}

// choose picks the newest file of the version from a release's SHA256SUMS ("digest  name" a line): stripped where there is
// one that is.
func (r release) choose(sums []byte, tag, triple string) (file, sum string, err error) {
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
			if !ok || !right || checkSHA256(digest) != nil {
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

// standaloneEnv is what these builds need to be told: their ncurses looks for terminals where its build machine had them.
// They ship its database below their prefix; the others are the folders of Alpine's ncurses-terminfo.
func standaloneEnv(prefix string) map[string]string {
	return map[string]string{"TERMINFO_DIRS": path.Join(prefix, "share/terminfo") + ":/etc/terminfo:/usr/share/terminfo:/lib/terminfo"}
}
