package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/layers"
)

// Contents is what is in one platform of an image, whoever made it.
type Contents struct {
	Platform Platform
	Digest   string // of its manifest
	Config   *v1.ConfigFile
	Layers   []LayerReport // lowest first
	Tree     *layers.Tree
	oddities []layers.Oddity
	brought  int64 // bytes of the files in all layers
}

// eachContents reads the platforms of an image one after the other, so that one root at a time is in memory. With only,
// those are read and all must be there.
func eachContents(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []Platform, do func(Contents) error) error {
	all, err := platformImages(index, only)
	if err != nil {
		return err
	}
	for _, p := range all {
		c, err := p.read(ctx, store)
		if err != nil {
			return err
		}
		if err := do(c); err != nil {
			return err
		}
	}
	return nil
}

// A platformImage is one platform of an image, of which the configuration has been read and no layer.
type platformImage struct {
	Contents
	image v1.Image
}

func platformImages(index v1.ImageIndex, only []Platform) ([]platformImage, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	var all []platformImage
	var have []string
	for _, d := range m.Manifests {
		if !isRunnable(d) {
			continue
		}
		p, err := newPlatformImage(index, d)
		if err != nil {
			return nil, fmt.Errorf("reading image %s: %w", d.Digest, err)
		}
		have = append(have, p.Platform.String())
		if len(only) == 0 || slices.Contains(only, p.Platform) {
			all = append(all, p)
		}
	}
	for _, p := range only {
		if !slices.Contains(have, p.String()) {
			return nil, fmt.Errorf("the image has no %s; it has %s", p, strings.Join(have, ", "))
		}
	}
	if len(have) == 0 {
		return nil, errors.New("the index holds no image that could be run")
	}
	return all, nil
}

func newPlatformImage(index v1.ImageIndex, d v1.Descriptor) (p platformImage, err error) {
	if p.image, err = index.Image(d.Digest); err != nil {
		return p, err
	}
	if p.Config, err = p.image.ConfigFile(); err != nil {
		return p, err
	}
	p.Digest, p.Platform = d.Digest.String(), Platform{p.Config.OS, p.Config.Architecture, p.Config.Variant}
	if known, err := ParsePlatform(p.Platform.String()); err == nil {
		p.Platform = known // arm64/v8 is arm64
	}
	return p, nil
}

// isRunnable tells an image from what buildkit attaches to it, manifests of unknown/unknown.
func isRunnable(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && (d.Platform == nil || d.Platform.OS != "unknown")
}

// read surveys the layers and lays them over each other.
func (p platformImage) read(ctx context.Context, store *layers.Store) (Contents, error) {
	c := p.Contents
	surveys, err := c.survey(ctx, p.image, store)
	if err == nil {
		tree := make([]layers.TreeLayer, len(surveys))
		for i, s := range surveys {
			tree[i] = layers.TreeLayer{Name: c.Layers[i].name(), Entries: c.counted(s)}
		}
		c.Tree, c.oddities, err = layers.NewImageTree(tree)
	}
	if err != nil {
		return c, fmt.Errorf("reading image %s (%s): %w", c.Digest, c.Platform, err)
	}
	return c, nil
}

// counted yields a layer's entries and adds up what their files have.
func (c *Contents) counted(s layers.Survey) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for e, err := range s.Entries() {
			if err == nil {
				c.brought += fileSize(e.Header)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// survey learns what the layers hold. Those that the store knows are not opened.
func (c *Contents) survey(ctx context.Context, img v1.Image, store *layers.Store) ([]layers.Survey, error) {
	if c.Platform.OS != "linux" {
		return nil, errors.New("only images for linux can be read")
	}
	var err error
	if c.Layers, err = reportLayers(img, c.Config); err != nil {
		return nil, err
	}
	ls, err := img.Layers()
	if err != nil {
		return nil, err
	}
	surveys := make([]layers.Survey, len(ls))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, l := range ls {
		group.Go(func() (err error) {
			digest := c.Layers[i].Digest
			surveys[i], err = store.Survey(ctx, layers.Source{Name: "layer " + digest, Digest: digest,
				Open: func(context.Context) (io.ReadCloser, error) { return l.Compressed() }})
			return err
		})
	}
	return surveys, group.Wait()
}

// name is what a layer is called in findings: what pyimg made it from, else its digest.
func (l LayerReport) name() string {
	if from, ok := strings.CutPrefix(l.From, historyPrefix); ok {
		return from
	}
	return l.Digest
}

// own reports whether a layer is pyimg's: its history says so, or it has none and stands on one that is.
func (c Contents) own(layer int) bool {
	for i := layer; i >= 0; i-- {
		if from := c.Layers[i].From; from != "" {
			return strings.HasPrefix(from, historyPrefix)
		}
	}
	return false
}
