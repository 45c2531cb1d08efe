package assemble_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// foreignImage is a small image for a platform, as other tools make it.
func foreignImage(t *testing.T, p v1.Platform, history ...v1.History) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	raw := fixture.Tarball{Files: []fixture.File{file("etc/for", p.String())}}.Bytes()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	add := mutate.Addendum{Layer: layer}
	if len(history) > 0 {
		add.History = history[0]
	}
	if img, err = mutate.Append(img, add); err != nil {
		t.Fatal(err)
	}
	f, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	f = f.DeepCopy()
	f.OS, f.Architecture, f.OSVersion = p.OS, p.Architecture, p.OSVersion
	if img, err = mutate.ConfigFile(img, f); err != nil {
		t.Fatal(err)
	}
	return img
}

func entry(img mutate.Appendable, p *v1.Platform) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}}
}

// partOf is an index some of whose images are not there.
type partOf struct {
	indexOf
	absent v1.Hash
}

type indexOf = v1.ImageIndex // which has a method of that name

func (p partOf) Image(h v1.Hash) (v1.Image, error) {
	if h == p.absent {
		return nil, fmt.Errorf("blob %s: %w", h, fs.ErrNotExist)
	}
	return p.indexOf.Image(h)
}

// TestForeignIndexes: what can be read of an index is read by all commands, and the rest is named.
func TestForeignIndexes(t *testing.T) {
	t.Parallel()
	amd64, arm64 := v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64"}
	windows := v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}
	unknown := v1.Platform{OS: "unknown", Architecture: "unknown"}
	of := func(entries ...mutate.IndexAddendum) v1.ImageIndex {
		return mutate.AppendManifests(empty.Index, entries...)
	}
	x86, arm := foreignImage(t, amd64), foreignImage(t, arm64)
	win, proof := foreignImage(t, windows), foreignImage(t, v1.Platform{})
	lost, err := arm.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		index   v1.ImageIndex
		only    []spec.Platform
		read    string // platforms
		skipped string // platforms
	}{
		"windows and an attestation": {of(entry(x86, &amd64), entry(win, &windows), entry(proof, &unknown)), nil,
			"linux/amd64", "windows/amd64 10.0.20348.1, unknown/unknown"},
		"windows by its config alone":  {of(entry(x86, nil), entry(win, nil)), nil, "linux/amd64", "windows/amd64"},
		"a platform that is not there": {partOf{of(entry(x86, &amd64), entry(arm, &arm64)), lost}, nil, "linux/amd64", "linux/arm64"},
		"one asked for":                {partOf{of(entry(x86, &amd64), entry(arm, &arm64)), lost}, []spec.Platform{{OS: "linux", Architecture: "amd64"}}, "linux/amd64", ""},
		"an index in an index":         {of(entry(of(entry(of(entry(x86, &amd64)), nil)), nil), entry(arm, &arm64)), nil, "linux/amd64, linux/arm64", ""},
		"no OS":                        {of(entry(foreignImage(t, v1.Platform{Architecture: "amd64"}), nil)), nil, "linux/amd64", ""},
		"no platform":                  {of(entry(foreignImage(t, v1.Platform{}), nil)), nil, "linux/unknown", ""},
		"the platform in the index":    {of(entry(foreignImage(t, v1.Platform{}), &arm64)), nil, "linux/arm64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
			if err != nil {
				t.Fatal(err)
			}
			for what, read := range map[string]func() ([]string, []image.Skipped, error){
				"VerifyIndex": func() (got []string, skipped []image.Skipped, err error) {
					found, skipped, err := image.Verify(t.Context(), tt.index, store, tt.only)
					for _, f := range found {
						got = append(got, f.Platform)
					}
					return got, skipped, err
				},
				"Inspect": func() (got []string, skipped []image.Skipped, err error) {
					r, err := image.Inspect(t.Context(), tt.index, store, tt.only)
					for _, p := range r.Platforms {
						got = append(got, p.Platform)
					}
					return got, r.Skipped, err
				},
				"Weigh": func() (got []string, skipped []image.Skipped, err error) {
					weights, skipped, err := image.Weigh(t.Context(), tt.index, store, tt.only, 1)
					for _, w := range weights {
						got = append(got, w.Platform)
					}
					return got, skipped, err
				},
				"Diff": func() (got []string, skipped []image.Skipped, err error) {
					diffs, skipped, err := image.Diff(t.Context(), tt.index, tt.index, store, tt.only)
					for _, d := range diffs {
						got = append(got, d.Platform)
					}
					return got, skipped[:len(skipped)/2], err // of both images
				},
				"InspectRuntimes": func() (got []string, skipped []image.Skipped, err error) {
					reports, skipped, err := image.Runtimes(t.Context(), tt.index, store, tt.only)
					for _, r := range reports {
						got = append(got, r.Platform)
					}
					return got, skipped, err
				},
			} {
				got, skipped, err := read()
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				var names []string
				for _, a := range skipped {
					names = append(names, a.Platform)
				}
				if strings.Join(got, ", ") != tt.read || strings.Join(names, ", ") != tt.skipped {
					t.Errorf("%s reads %q and skips %q, want %q and %q", what, got, names, tt.read, tt.skipped)
				}
			}
		})
	}
}

// TestNothingToRead: an image of which nothing can be read is an error that says why.
func TestNothingToRead(t *testing.T) {
	t.Parallel()
	amd64, windows := v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "windows", Architecture: "amd64"}
	img := foreignImage(t, amd64)
	lost, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		index v1.ImageIndex
		only  []spec.Platform
		want  string
	}{
		"absent":            {partOf{mutate.AppendManifests(empty.Index, entry(img, &amd64)), lost}, nil, "file does not exist"},
		"absent, asked for": {partOf{mutate.AppendManifests(empty.Index, entry(img, &amd64)), lost}, []spec.Platform{{OS: "linux", Architecture: "amd64"}}, "file does not exist"},
		"windows":           {mutate.AppendManifests(empty.Index, entry(foreignImage(t, windows), nil)), nil, "only images for linux"},
		"empty":             {empty.Index, nil, "no image that could be run"},
		"another platform":  {mutate.AppendManifests(empty.Index, entry(img, &amd64)), []spec.Platform{{OS: "linux", Architecture: "arm64"}}, "the image has no linux/arm64; it has linux/amd64"},
	} {
		if _, _, err := image.Verify(t.Context(), tt.index, nil, tt.only); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: VerifyIndex = %v, want an error that says %q", name, err, tt.want)
		}
		if _, err := image.Inspect(t.Context(), tt.index, nil, tt.only); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Inspect = %v, want an error that says %q", name, err, tt.want)
		}
	}
	absent := partOf{mutate.AppendManifests(empty.Index, entry(img, &amd64)), lost}
	if _, err := image.Inspect(t.Context(), absent, nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Inspect = %v, want fs.ErrNotExist", err)
	}
}

// TestVerbatimIsSaidOfSuchBytes: history outlives the layer that it is about.
func TestVerbatimIsSaidOfSuchBytes(t *testing.T) {
	t.Parallel()
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	m, err := foreignImage(t, amd64).Manifest()
	if err != nil {
		t.Fatal(err)
	}
	own := m.Layers[0].Digest.String()
	for _, tt := range []struct{ from, comment, want string }{
		{"pyimg: apk musl=1-r0", "verbatim " + own, "verbatim"},
		{"pyimg: apk musl=1-r0", "verbatim sha256:" + strings.Repeat("0", 64), "packed again since pyimg made it"},
		{"pyimg: apk musl=1-r0", "verbatim", ""},
		{"COPY . /", "verbatim", ""},
		{"COPY . /", "verbatim " + own, ""},
		{"COPY . /", "buildkit.dockerfile.v0", "buildkit.dockerfile.v0"},
		{"pyimg: apk database", "generated", "pyimg"},
	} {
		img := foreignImage(t, amd64, v1.History{CreatedBy: tt.from, Comment: tt.comment})
		r, err := image.Inspect(t.Context(), mutate.AppendManifests(empty.Index, entry(img, &amd64)), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Platforms[0].Layers[0]
		switch tt.want {
		case "pyimg":
			if !slices.ContainsFunc(got.Reasons, func(r lock.Reason) bool { return r.Code == lock.ReasonGenerated }) {
				t.Errorf("%q %q: reasons %v, want generated", tt.from, tt.comment, got.Reasons)
			}
		default:
			if got.Comment != tt.want {
				t.Errorf("%q %q: comment %q, want %q", tt.from, tt.comment, got.Comment, tt.want)
			}
		}
	}
}

// TestDiffIDsAreHeldAgainstTheLayers: runtimes refuse layers that unpack to something else than the configuration says.
func TestDiffIDsAreHeldAgainstTheLayers(t *testing.T) {
	t.Parallel()
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	other := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)}
	for name, tt := range map[string]struct {
		ids  []v1.Hash // nil: the right ones
		want string    // of a finding of the check diff-id; "" for none
	}{
		"right": {nil, ""},
		"wrong": {[]v1.Hash{other}, other.String()},
		"none":  {[]v1.Hash{}, "configuration: 0"},
		"more":  {[]v1.Hash{other, other}, "configuration: 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := foreignImage(t, amd64)
			f, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if f = f.DeepCopy(); tt.ids != nil {
				f.RootFS.DiffIDs = tt.ids
			}
			if img, err = mutate.ConfigFile(img, f); err != nil {
				t.Fatal(err)
			}
			store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
			if err != nil {
				t.Fatal(err)
			}
			index := mutate.AppendManifests(empty.Index, entry(img, &amd64))
			found, _, err := image.Verify(t.Context(), index, store, nil)
			if err != nil || len(found) != 1 {
				t.Fatalf("VerifyIndex = %v, %v", found, err)
			}
			got := ""
			for _, f := range found[0].Findings {
				if f.Check == "diff-id" && f.Severity == check.Error {
					got = f.Msg
				}
			}
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q in it", got, tt.want)
			}
		})
	}
}
