package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/standalone"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
)

// The words that the source of a runtime begins with, where it is no URL or file of a tarball.
const (
	fromAPK        = "apk"
	fromImage      = "image:"
	fromStandalone = "standalone:"

	ociLayout = "oci:" // behind image: an OCI layout on disk, not a registry's
)

// errNoSource says that a runtime has no source for a platform.
var errNoSource = errors.New("no such source")

// at is where the runtime comes from on a platform, templates filled in; "" where it has no source there.
func (r Runtime) at(p Platform) string {
	source := r.Source
	if r.Sources != nil {
		source = r.Sources[p]
	}
	a := p.arch()
	return strings.NewReplacer(
		"{version}", r.Python,
		"{alpine_arch}", a.alpine,
		"{oci_arch}", p.Architecture+p.Variant,
		"{triple}", a.triple,
	).Replace(source)
}

// written is the source as the spec has it, for all platforms where it has one for all.
func (r Runtime) written(p Platform) string {
	if r.Sources != nil {
		return r.Sources[p]
	}
	return r.Source
}

// checkPlatforms names the platforms that a runtime has no source for, and those that it has one for.
func (s Spec) checkPlatforms() error {
	var faults []Fault
	for i, r := range s.Runtimes {
		if r.Sources == nil {
			continue
		}
		var have []string
		for _, p := range sortPlatforms(platformsOf(r.Sources)) {
			have = append(have, p.String())
		}
		for _, p := range s.Platforms {
			if r.Sources[p] == "" {
				faults = append(faults, Fault{File: s.Name, Field: fmt.Sprintf("runtime[%d].source", i),
					Msg: fmt.Sprintf("has none for %s; it has one for %s", p, strings.Join(have, ", "))})
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &SpecError{faults}
}

func platformsOf(m map[Platform]string) []Platform {
	var ps []Platform
	for p := range m {
		ps = append(ps, p)
	}
	return ps
}

// withSources adds to the error of a platform without a source which platforms have one.
func withSources(err error, plan Plan) error {
	if !errors.Is(err, errNoSource) {
		return err
	}
	var have []string
	for _, p := range plan.Platforms {
		if len(p.Runtimes) > 0 && len(p.Runtimes) == len(plan.Spec.tarballs(p.Platform)) {
			have = append(have, p.Platform.String())
		}
	}
	if have == nil {
		return err
	}
	if len(have) > 1 {
		return fmt.Errorf("%w; %s have one", err, strings.Join(have, ", "))
	}
	return fmt.Errorf("%w; %s has one", err, have[0])
}

// checkSource refuses a source that cannot be meant.
func checkSource(v string) error {
	for _, m := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(v, -1) {
		if !slices.Contains([]string{"{version}", "{alpine_arch}", "{oci_arch}", "{triple}"}, m) {
			return fmt.Errorf("unknown %s in %q; known are {version}, {alpine_arch}, {oci_arch}, {triple}", m, v)
		}
	}
	if ref, ok := strings.CutPrefix(v, fromImage); ok && (ref == "" || strings.Contains(ref, "://")) {
		return fmt.Errorf("expected image:HOST/REPOSITORY:TAG or image:oci:DIR[:TAG], found %q", v)
	} else if ok && !strings.HasPrefix(ref, ociLayout) {
		if lower := lowerCase(ref); lower != ref {
			return fmt.Errorf("the repository of an image has no capital letters; did you mean %q? found %q", fromImage+lower, v)
		}
	}
	if release, ok := strings.CutPrefix(v, fromStandalone); ok && !strings.Contains(release, "{") {
		_, err := standalone.Parse(release)
		return err
	}
	return nil
}

// lowerCase is a reference with its repository in lower case; host, tag, digest and templates stay.
func lowerCase(ref string) string {
	host, repository := "", ref
	if first, rest, ok := strings.Cut(ref, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		host, repository = first+"/", rest
	}
	end := len(repository)
	if i := strings.IndexAny(repository, ":@"); i >= 0 {
		end = i
	}
	lower := regexp.MustCompile(`[^{}]+(\{|$)`).ReplaceAllStringFunc(repository[:end], strings.ToLower)
	return host + lower + repository[end:]
}

// A place is where the bytes of a runtime lie.
type place struct {
	url    string // ready to be opened
	public string // as it may be written down
	digest string // "" where only reading it can tell
	pinned bool   // something vouches for the digest
}

// locate finds the tarball of a runtime, of which a lock may say already where it is and what it holds.
func (r Runtime) locate(ctx context.Context, spec Spec, p Platform, pin LockedRuntime, src Sources) (place, error) {
	if pin.Digest != "" {
		return r.locked(spec, p, pin)
	}
	source := r.at(p)
	if release, ok := strings.CutPrefix(source, fromStandalone); ok {
		return r.standalone(ctx, spec, release, p, src)
	}
	to := place{url: spec.path(source), public: redact.URL(source), pinned: len(r.SHA256) > 0}
	var err error
	to.digest, err = r.digest(ctx, to.url, p, src)
	return to, noSource(err, p)
}

// locked is where a lock says that a runtime is. It must be below what the spec says.
func (r Runtime) locked(spec Spec, p Platform, pin LockedRuntime) (place, error) {
	source := r.at(p)
	to := place{url: spec.path(source), public: redact.URL(source), digest: pin.Digest, pinned: true}
	switch {
	case strings.HasPrefix(source, fromImage):
		to.url, to.public = fromImage+spec.imagePath(source), source
	case strings.HasPrefix(source, fromStandalone):
		named := r.releases()
		file, ok := strings.CutPrefix(pin.URL, redact.URL(named)+"/")
		if !ok || strings.Contains(file, "..") {
			return to, &LockError{Err: fmt.Errorf("it takes %s from %s, which is not below the spec's mirror, %s", source, pin.URL, redact.URL(named))}
		}
		to.url, to.public = spec.path(named)+"/"+file, pin.URL
	}
	return to, nil
}

// imagePath is the reference in an image source; one on disk is ready to be opened.
func (s Spec) imagePath(source string) string {
	ref := strings.TrimPrefix(source, fromImage)
	if dir, ok := strings.CutPrefix(ref, ociLayout); ok {
		return ociLayout + s.path(dir)
	}
	return ref
}

// source is the tarball for the store.
func (l place) source(src Sources) layers.Source {
	return layers.Source{Name: redact.URL(l.url), Digest: l.digest, Tarball: true,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return src.open(ctx, l.url, baseName(l.url), -1) }}
}

// noSource turns a tarball or an image that is not there into what that means.
func noSource(err error, p Platform) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s has %w", err, p, errNoSource)
	}
	return err
}

// releases remembers which release is the newest, so that all platforms of a build take the same.
type releases struct {
	mu     sync.Mutex
	newest map[string]string // tag by mirror
}

func (r *releases) tag(mirror string, find func() (string, error)) (string, error) {
	if r == nil {
		return find()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if tag := r.newest[mirror]; tag != "" {
		return tag, nil
	}
	tag, err := find()
	if err == nil {
		if r.newest == nil {
			r.newest = make(map[string]string)
		}
		r.newest[mirror] = tag
	}
	return tag, err
}

// runtimeName is a source as the layer that comes of it is called.
func runtimeName(source string) string {
	ref, ok := strings.CutPrefix(source, fromImage)
	if dir, local := strings.CutPrefix(ref, ociLayout); ok && !local {
		return ref
	} else if ok {
		return path.Base(dir) // where it lies is the machine's affair
	}
	return path.Base(strings.ReplaceAll(baseName(source), "%2B", "+"))
}
