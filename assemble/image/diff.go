package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Difference says how one platform differs between two images, a and b.
type Difference struct {
	Platform string `json:"platform"`
	// Only is "a" or "b" if the other image does not have the platform. The other fields are empty then.
	Only     string        `json:"only,omitempty"`
	Same     bool          `json:"same"`               // the manifests are the same, byte for byte
	Config   []Change      `json:"config,omitempty"`   // entrypoint, cmd, user, env NAME, label NAME, ...
	Packages []Change      `json:"packages,omitempty"` // versions
	Runtimes []Change      `json:"runtimes,omitempty"` // the CPython, allocators and libraries that no package manager has installed
	Wheels   []Change      `json:"wheels,omitempty"`   // versions of Python packages, from their METADATA
	Files    []FileChange  `json:"files,omitempty"`    // by path
	Size     [2]int64      `json:"size"`               // of all layers, compressed, in bytes
	Unpacked [2]int64      `json:"unpacked"`           // of the files that a container sees, in bytes
	Layers   []LayerChange `json:"layers,omitempty"`   // the layers of a, then those that only b has
}

// Change is a value that differs. nil means that the image does not have it.
type Change struct {
	Name string  `json:"name"`
	A    *string `json:"a"`
	B    *string `json:"b"`
}

// FileChange is a path that differs. nil means that the image does not have it.
type FileChange struct {
	Path string     `json:"path"` // absolute
	What []string   `json:"what,omitempty"`
	A    *FileState `json:"a"`
	B    *FileState `json:"b"`
}

// FileState is what is known of a path. Only the contents of packages' files are compared, because their layers have checksums.
type FileState struct {
	Type     string `json:"type"` // file, folder, symlink, or tar's letter for another type
	Size     int64  `json:"size"`
	Mode     string `json:"mode"` // octal
	Owner    string `json:"owner"`
	Link     string `json:"link,omitempty"`
	Checksum string `json:"checksum,omitempty"` // SHA-1 from the apk package, hexadecimal
}

// LayerChange is a layer: in both images, or in one.
type LayerChange struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	From   string `json:"from,omitempty"`
	In     string `json:"in"` // "both", "a" or "b"
	// Recompressed says that both images have the layer's tar, but compressed to different bytes: a registry stores it twice.
	Recompressed bool `json:"recompressed,omitempty"`
}

// Diff compares two images, platform by platform. It also returns the entries that it skipped.
func Diff(ctx context.Context, a, b v1.ImageIndex, store *layers.Store, only []spec.Platform) ([]Difference, []Skipped, error) {
	as, skipped, err := platformImages(a, only)
	if err != nil {
		return nil, nil, fmt.Errorf("the first image: %w", err)
	}
	bs, more, err := platformImages(b, only)
	if err != nil {
		return nil, nil, fmt.Errorf("the second image: %w", err)
	}
	skipped = append(skipped, more...)
	diffs := []Difference{}
	for _, x := range as {
		i := slices.IndexFunc(bs, func(y platformImage) bool { return y.Platform == x.Platform })
		if i < 0 {
			diffs = append(diffs, Difference{Platform: x.Platform.String(), Only: "a"})
			continue
		}
		d, err := diffPlatform(ctx, x, bs[i], store)
		if errors.Is(err, fs.ErrNotExist) && len(as) > 1 {
			skipped = append(skipped, x.skipped(err))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		diffs = append(diffs, d)
	}
	for _, y := range bs {
		if !slices.ContainsFunc(as, func(x platformImage) bool { return x.Platform == y.Platform }) {
			diffs = append(diffs, Difference{Platform: y.Platform.String(), Only: "b"})
		}
	}
	return diffs, skipped, nil
}

func diffPlatform(ctx context.Context, x, y platformImage, store *layers.Store) (Difference, error) {
	d := Difference{Platform: x.Platform.String(), Same: x.Digest == y.Digest}
	a, err := x.read(ctx, store)
	if err != nil {
		return d, err
	}
	b, err := y.read(ctx, store)
	if err != nil {
		return d, err
	}
	if d.Config, err = diffTexts(a.settings, b.settings); err != nil {
		return d, err
	}
	if d.Packages, err = diffTexts(a.versions, b.versions); err != nil {
		return d, err
	}
	if d.Runtimes, err = diffTexts(a.runtimeParts, b.runtimeParts); err != nil {
		return d, err
	}
	if d.Wheels, err = diffTexts(a.pythonVersions, b.pythonVersions); err != nil {
		return d, err
	}
	d.Layers = diffLayers(a.Layers, b.Layers)
	for i, ls := range [][]LayerReport{a.Layers, b.Layers} {
		for _, l := range ls {
			d.Size[i] += l.Size
		}
	}
	d.files(a.states(), b.states())
	return d, nil
}

// diffTexts compares two sets of named texts.
func diffTexts(a, b func() (map[string]string, error)) ([]Change, error) {
	as, err := a()
	if err != nil {
		return nil, err
	}
	bs, err := b()
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, name := range bothKeys(as, bs) {
		x, inA := as[name]
		y, inB := bs[name]
		c := Change{Name: name}
		if inA {
			c.A = &x
		}
		if inB {
			c.B = &y
		}
		if x != y || inA != inB {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

func bothKeys[V any](a, b map[string]V) []string {
	keys := append(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// settings returns the parts of the configuration by name.
func (c Contents) settings() (map[string]string, error) {
	f := c.Config.Config
	m := map[string]string{}
	for _, e := range f.Env {
		name, value, _ := strings.Cut(e, "=")
		m["env "+name] = value
	}
	for k, v := range f.Labels {
		m["label "+k] = v
	}
	for name, value := range map[string]string{"user": f.User, "workdir": f.WorkingDir, "stop signal": f.StopSignal} {
		if value != "" {
			m[name] = value
		}
	}
	for name, words := range map[string][]string{"entrypoint": f.Entrypoint, "cmd": f.Cmd,
		"healthcheck": healthcheck(f), "ports": slices.Sorted(maps.Keys(f.ExposedPorts)), "volumes": slices.Sorted(maps.Keys(f.Volumes))} {
		if len(words) == 0 {
			continue
		}
		text, err := json.Marshal(words)
		if err != nil {
			return nil, err
		}
		m[name] = string(text)
	}
	return m, nil
}

// healthcheck is the healthcheck in words, as a Dockerfile would have it; nil for none.
func healthcheck(c v1.Config) []string {
	h := c.Healthcheck
	if h == nil {
		return nil
	}
	var words []string
	for _, option := range []struct {
		name  string
		value time.Duration
	}{{"interval", h.Interval}, {"timeout", h.Timeout}, {"start-period", h.StartPeriod}} {
		if option.value != 0 {
			words = append(words, "--"+option.name+"="+option.value.String())
		}
	}
	if h.Retries != 0 {
		words = append(words, "--retries="+strconv.Itoa(h.Retries))
	}
	return append(words, h.Test...)
}

// versions returns the packages' versions by name.
func (c Contents) versions() (map[string]string, error) {
	packages, err := check.Installed(c.Tree)
	m := make(map[string]string, len(packages))
	for _, p := range packages {
		m[p.Name] = p.Version
	}
	return m, err
}

func diffLayers(a, b []LayerReport) []LayerChange {
	var all []LayerChange
	for _, l := range a {
		c := LayerChange{Digest: l.Digest, Size: l.Size, From: l.From, In: "a"}
		if same, recompressed := sameLayer(b, l); same {
			c.In, c.Recompressed = "both", recompressed
		}
		all = append(all, c)
	}
	for _, l := range b {
		if same, _ := sameLayer(a, l); !same {
			all = append(all, LayerChange{Digest: l.Digest, Size: l.Size, From: l.From, In: "b"})
		}
	}
	return all
}

// sameLayer finds a layer among others: by its bytes, or else by its tar.
func sameLayer(others []LayerReport, l LayerReport) (same, recompressed bool) {
	if slices.ContainsFunc(others, func(o LayerReport) bool { return o.Digest == l.Digest }) {
		return true, false
	}
	same = l.DiffID != "" && slices.ContainsFunc(others, func(o LayerReport) bool { return o.DiffID == l.DiffID })
	return same, same
}

// states returns the paths of the root with their states.
func (c Contents) states() map[string]FileState {
	m := map[string]FileState{}
	for n := range c.Tree.All() {
		if n.Path != "" {
			m["/"+n.Path] = stateOf(n)
		}
	}
	return m
}

func stateOf(n tree.Node) FileState {
	const checksum = "APK-TOOLS.checksum.SHA1"
	h := n.Entry.Header
	s := FileState{Size: fileSize(h), Mode: fmt.Sprintf("%04o", h.Mode&0o7777), Owner: fmt.Sprintf("%d:%d", h.Uid, h.Gid),
		Link: h.Linkname, Checksum: n.Entry.Records.Get(checksum)}
	switch h.Typeflag {
	case tar.TypeReg:
		s.Type, s.Link = "file", "" // in apk packages the link name of a regular file has other bytes
	case tar.TypeLink:
		s.Type = "file"
	case tar.TypeDir:
		s.Type = "folder"
	case tar.TypeSymlink:
		s.Type = "symlink"
	default:
		s.Type = string(rune(h.Typeflag))
	}
	return s
}

// files compares two roots.
func (d *Difference) files(a, b map[string]FileState) {
	for _, at := range bothKeys(a, b) {
		x, inA := a[at]
		y, inB := b[at]
		d.Unpacked[0] += x.Size
		d.Unpacked[1] += y.Size
		switch what := x.changes(y); {
		case !inA:
			d.Files = append(d.Files, FileChange{Path: at, B: &y})
		case !inB:
			d.Files = append(d.Files, FileChange{Path: at, A: &x})
		case len(what) > 0:
			d.Files = append(d.Files, FileChange{at, what, &x, &y})
		}
	}
}

// changes names the fields in which two states differ.
func (s FileState) changes(t FileState) []string {
	var what []string
	for _, part := range []struct {
		name    string
		differs bool
	}{
		{"type", s.Type != t.Type},
		{"size", s.Size != t.Size},
		{"mode", s.Mode != t.Mode},
		{"owner", s.Owner != t.Owner},
		{"link", s.Link != t.Link},
		{"content", s.Size == t.Size && s.Checksum != "" && t.Checksum != "" && s.Checksum != t.Checksum},
	} {
		if part.differs {
			what = append(what, part.name)
		}
	}
	return what
}
