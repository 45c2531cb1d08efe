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

// The URLs of python-build-standalone's releases, and of the file that names the newest one. Neither needs an API key. See its docs,
// "Release Artifacts".
const (
	standaloneMirror = "https://github.com/astral-sh/python-build-standalone/releases/download"
	standaloneNewest = "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/latest-release.json"
)

const (
	maxLatest = 64 << 10 // a few lines of JSON
	maxSums   = 4 << 20  // a release has some 1000 files
)

// releasesAt returns the place of the releases, for locks and messages.
func releasesAt(r spec.Runtime) string {
	return strings.TrimRight(cmp.Or(r.Mirror, standaloneMirror), "/")
}

// findStandalone finds the tarball of a build in the release that the spec names, or in the newest one, with its SHA256SUMS.
func findStandalone(ctx context.Context, r spec.Runtime, s spec.Spec, name string, p spec.Platform, src input.Access, known *Releases) (Location, error) {
	want, err := standalone.Parse(name)
	if err != nil {
		return Location{}, err
	}
	named := releasesAt(r)
	mirror := s.Path(named)
	to := Location{Public: spec.FromStandalone + name, pinned: true}
	triple := map[string]string{"x86_64": "x86_64-unknown-linux-musl", "aarch64": "aarch64-unknown-linux-musl"}[p.Alpine()]
	if triple == "" {
		return to, fmt.Errorf("python-build-standalone has builds for musl only for linux/amd64 and linux/arm64; %s has %w", p, ErrNoSource)
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
		file = strings.ReplaceAll(file, "+", "%2B") // object stores read a plus as a space
	}
	to.URL = mirror + "/" + tag + "/" + file
	to.Public, to.Digest = redact.URL(named+"/"+tag+"/"+file), "sha256:"+sum
	pinned, err := r.PinnedSum(p)
	if err == nil && pinned != "" {
		to.Digest = pinned
	}
	return to, err
}

// newestRelease reads which release is the newest from the project's own file, or from the same file at the top of a mirror.
func newestRelease(ctx context.Context, given, mirror string, src input.Access) (string, error) {
	url := standaloneNewest
	if given != "" {
		url = mirror + "/latest-release.json"
	}
	raw, err := readSmall(ctx, url, maxLatest, src)
	if err != nil {
		return "", fmt.Errorf("asking for the newest release of python-build-standalone: %w; name a release, such as standalone:3.13@20251028", err)
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

// standaloneEnv returns the variables that these builds need: their ncurses searches terminals where its build machine had them. The
// builds have a terminal database below their prefix; the other folders are those of Alpine's ncurses-terminfo.
func standaloneEnv(prefix string) map[string]string {
	return map[string]string{"TERMINFO_DIRS": path.Join(prefix, "share/terminfo") + ":/etc/terminfo:/usr/share/terminfo:/lib/terminfo"}
}
