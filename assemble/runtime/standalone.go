package runtime

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/standalone"
	"github.com/pyimg/pyimg/internal/redact"
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

// releasesAt is where the releases are, as it may be written down.
func releasesAt(r spec.Runtime) string {
	return strings.TrimRight(cmp.Or(r.Mirror, standaloneMirror), "/")
}

// findStandalone finds the tarball of a build: in the release that is asked for or the newest one, with its SHA256SUMS.
func findStandalone(ctx context.Context, r spec.Runtime, s spec.Spec, name string, p spec.Platform, src input.Access, known *Releases) (place, error) {
	want, err := standalone.Parse(name)
	if err != nil {
		return place{}, err
	}
	named := releasesAt(r)
	mirror := s.Path(named)
	to := place{Public: spec.FromStandalone + name, pinned: true}
	triple := map[string]string{"x86_64": "x86_64-unknown-linux-musl", "aarch64": "aarch64-unknown-linux-musl"}[p.Alpine()]
	if triple == "" {
		return to, fmt.Errorf("python-build-standalone is built for musl on linux/amd64 and linux/arm64 alone; %s has %w", p, ErrNoSource)
	}
	tag := want.Tag
	if tag == "" {
		if tag, err = known.tag(mirror, func() (string, error) { return newestRelease(ctx, r.Mirror, mirror, src) }); err != nil {
			return to, err
		}
		if err := want.Check(tag); err != nil {
			return to, err
		}
	}
	sums, err := readSmall(ctx, mirror+"/"+tag+"/SHA256SUMS", maxSums, src)
	if err != nil {
		return to, err
	}
	file, sum, err := want.Choose(sums, tag, triple)
	if err != nil {
		return to, fmt.Errorf("release %s of python-build-standalone: %w", tag, err)
	}
	if spec.IsURL(mirror) {
		file = strings.ReplaceAll(file, "+", "%2B") // object stores take a plus for a space
	}
	to.Url = mirror + "/" + tag + "/" + file
	to.Public, to.Digest = redact.URL(named+"/"+tag+"/"+file), "sha256:"+sum
	pinned, err := r.PinnedSum(p)
	if err == nil && pinned != "" {
		to.Digest = pinned
	}
	return to, err
}

// newestRelease asks which release is the newest: the project's own file, or the same file at the top of a mirror.
func newestRelease(ctx context.Context, given, mirror string, src input.Access) (string, error) {
	url := standaloneNewest
	if given != "" {
		url = mirror + "/latest-release.json"
	}
	raw, err := readSmall(ctx, url, maxLatest, src)
	if err != nil {
		return "", fmt.Errorf("asking for the newest release of python-build-standalone: %w; name one, as in standalone:3.13@20251028", err)
	}
	tag, err := standalone.Latest(raw)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", redact.URL(url), err)
	}
	return tag, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(ctx context.Context, url string, limit int64, src input.Access) ([]byte, error) {
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
		return nil, fmt.Errorf("reading %s: %w", redact.URL(url), err)
	}
	return raw, nil
}

// standaloneEnv is what these builds need to be told: their ncurses looks for terminals where its build machine had them.
// They ship its database below their prefix; the others are the folders of Alpine's ncurses-terminfo.
func standaloneEnv(prefix string) map[string]string {
	return map[string]string{"TERMINFO_DIRS": path.Join(prefix, "share/terminfo") + ":/etc/terminfo:/usr/share/terminfo:/lib/terminfo"}
}
