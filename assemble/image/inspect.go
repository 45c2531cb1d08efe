package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
)

// Report describes an image. It can be read from any image, not only from those that pyimg made.
type Report struct {
	Digest      string            `json:"digest"`
	MediaType   string            `json:"mediaType"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platforms   []PlatformReport  `json:"platforms"`
	Skipped     []Skipped         `json:"leftAside,omitempty"`
}

// PlatformReport is one platform of a report.
type PlatformReport struct {
	Platform   string   `json:"platform"`
	Digest     string   `json:"digest"`
	Size       int64    `json:"size"` // of all layers, compressed, in bytes
	Created    string   `json:"created,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	User       string   `json:"user,omitempty"`
	// Healthcheck has options as --interval=30s, then the test: CMD, CMD-SHELL or NONE, and its words.
	Healthcheck []string          `json:"healthcheck,omitempty"`
	Workdir     string            `json:"workdir,omitempty"`
	Env         []string          `json:"env,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Layers      []LayerReport     `json:"layers"`
	Packages    []string          `json:"packages"`         // name=version, from apk's database
	Wheels      []string          `json:"wheels,omitempty"` // name==version of wheels that pyimg installed, from the history
	Python      *python.Build     `json:"python,omitempty"`
}

// LayerReport is one layer, lowest first.
type LayerReport struct {
	Digest    string `json:"digest"`
	DiffID    string `json:"diffID,omitempty"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`           // compressed, in bytes
	From      string `json:"from,omitempty"` // created_by of its history
	// Comment is the comment of its history. If pyimg made the image, it has the sentences of Reasons, or "verbatim" if the layer
	// still has its source's own bytes.
	Comment string        `json:"comment,omitempty"`
	Reasons []lock.Reason `json:"reasons,omitempty"` // why its bytes are not those of its source, if pyimg made it
}

// Inspect reads an image's manifests and configurations, apk's database from its layers and, if pyimg made the image, how its Python
// was built. With only, it reads only these platforms. The store keeps the facts of layers; with a nil store the report has nothing
// about Python.
func Inspect(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform) (Report, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return Report{}, fmt.Errorf("reading the index: %w", err)
	}
	digest, err := index.Digest()
	if err != nil {
		return Report{}, err
	}
	r := Report{Digest: digest.String(), MediaType: string(m.MediaType), Annotations: m.Annotations, Platforms: []PlatformReport{}}
	all, skipped, err := platformImages(index, only)
	if err != nil {
		return r, err
	}
	r.Skipped = skipped
	for _, p := range all {
		report, err := p.inspect(ctx, store)
		if errors.Is(err, fs.ErrNotExist) && len(only) == 0 {
			r.Skipped = append(r.Skipped, p.skipped(err))
			continue
		}
		if err != nil {
			return r, fmt.Errorf("reading image %s: %w", p.Digest, err)
		}
		r.Platforms = append(r.Platforms, report)
	}
	if len(r.Platforms) == 0 {
		return r, nothing(r.Skipped)
	}
	return r, nil
}

func (p platformImage) inspect(ctx context.Context, store *layers.Store) (PlatformReport, error) {
	img, f := p.image, p.Config
	c := f.Config
	r := PlatformReport{Platform: p.Platform.String(), Digest: p.Digest,
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, Workdir: c.WorkingDir, Env: c.Env, Labels: c.Labels, Healthcheck: healthcheck(c),
		Packages: []string{}}
	var err error
	if !f.Created.IsZero() {
		r.Created = f.Created.UTC().Format("2006-01-02T15:04:05Z")
	}
	if r.Layers, err = reportLayers(img, f); err != nil {
		return r, err
	}
	for _, l := range r.Layers {
		r.Size += l.Size
		if names, ok := strings.CutPrefix(l.From, lock.HistoryPrefix+lock.WheelsPrefix); ok {
			r.Wheels = append(r.Wheels, strings.Fields(names)...)
		}
	}
	slices.Sort(r.Wheels)
	if r.Packages, err = installedPackages(ctx, img); err != nil {
		return r, err
	}
	r.Python, err = runtimeIn(ctx, img, r.Layers, store)
	return r, err
}

// reportLayers describes the layers from the manifest and the configuration.
func reportLayers(img v1.Image, f *v1.ConfigFile) ([]LayerReport, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	report := make([]LayerReport, 0, len(m.Layers))
	history := layerHistory(f)
	for i, l := range m.Layers {
		layer := LayerReport{Digest: l.Digest.String(), MediaType: string(l.MediaType), Size: l.Size}
		if i < len(f.RootFS.DiffIDs) {
			layer.DiffID = f.RootFS.DiffIDs[i].String()
		}
		if i < len(history) {
			layer.From = history[i].CreatedBy
			layer.Reasons, layer.Comment = lock.ReadComment(layer.From, history[i].Comment, layer.Digest)
		}
		report = append(report, layer)
	}
	return report, nil
}

// layerHistory returns the history entries that belong to layers.
func layerHistory(f *v1.ConfigFile) []v1.History {
	var hs []v1.History
	for _, h := range f.History {
		if !h.EmptyLayer {
			hs = append(hs, h)
		}
	}
	return hs
}

// installedPackages reads apk's database from the uppermost layer that has it.
func installedPackages(ctx context.Context, img v1.Image) ([]string, error) {
	ls, err := img.Layers()
	if err != nil {
		return nil, err
	}
	for i := len(ls) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		packages, err := packagesIn(ls[i])
		if err != nil || packages != nil {
			return packages, err
		}
	}
	return []string{}, nil
}

// packagesIn reads apk's database from one layer. It returns nil if the layer does not have it.
func packagesIn(l v1.Layer) ([]string, error) {
	const maxDatabase = 256 << 20 // Alpine's largest images have some tens of megabytes
	r, err := l.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a layer: %w", err)
		}
		if name := rootpath.Clean(h.Name); name == "lib/apk/db/installed" || name == "usr/lib/apk/db/installed" {
			return installedIn(io.LimitReader(t, maxDatabase))
		}
	}
}

// installedIn returns the packages that apk's database lists, as NAME=VERSION.
func installedIn(r io.Reader) ([]string, error) {
	packages := []string{}
	for p, err := range root.EachInstalled(r) {
		if err != nil {
			return nil, err
		}
		if p.Version != "" {
			packages = append(packages, p.Name+"="+p.Version)
		}
	}
	return packages, nil
}
