package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
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
}

// eachContents reads the platforms of an image one after the other, so that one root at a time is in memory. With only,
// those are read and all must be there.
func eachContents(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []Platform, do func(Contents) error) error {
	m, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	seen := map[Platform]bool{}
	var have []string
	for _, d := range m.Manifests {
		if !isRunnable(d) {
			continue
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			return fmt.Errorf("reading image %s: %w", d.Digest, err)
		}
		c, err := imagePlatform(img)
		if err != nil {
			return fmt.Errorf("reading image %s: %w", d.Digest, err)
		}
		have = append(have, c.Platform.String())
		if len(only) > 0 && !slices.Contains(only, c.Platform) {
			continue
		}
		seen[c.Platform] = true
		c.Digest = d.Digest.String()
		if err := c.read(ctx, img, store); err != nil {
			return fmt.Errorf("reading image %s (%s): %w", d.Digest, c.Platform, err)
		}
		if err := do(c); err != nil {
			return err
		}
	}
	for _, p := range only {
		if !seen[p] {
			return fmt.Errorf("the image has no %s; it has %s", p, strings.Join(have, ", "))
		}
	}
	if len(have) == 0 {
		return errors.New("the index holds no image that could be run")
	}
	return nil
}

// isRunnable tells an image from what buildkit attaches to it, manifests of unknown/unknown.
func isRunnable(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && (d.Platform == nil || d.Platform.OS != "unknown")
}

func imagePlatform(img v1.Image) (c Contents, err error) {
	if c.Config, err = img.ConfigFile(); err != nil {
		return c, err
	}
	p := Platform{c.Config.OS, c.Config.Architecture, c.Config.Variant}
	if known, err := ParsePlatform(p.String()); err == nil {
		p = known // arm64/v8 is arm64
	}
	c.Platform = p
	return c, nil
}

// read surveys the layers and lays them over each other.
func (c *Contents) read(ctx context.Context, img v1.Image, store *layers.Store) error {
	if c.Platform.OS != "linux" {
		return fmt.Errorf("its platform is %s, and only images for linux can be read", c.Platform)
	}
	report, err := reportLayers(img, c.Config)
	if err != nil {
		return err
	}
	c.Layers = report
	ls, err := img.Layers()
	if err != nil {
		return err
	}
	if len(ls) != len(report) {
		return fmt.Errorf("its configuration has %d layers, its manifest %d", len(ls), len(report))
	}
	surveys := make([]layers.Survey, len(ls))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, l := range ls {
		group.Go(func() (err error) {
			surveys[i], err = store.Survey(ctx, layers.Source{Name: "layer " + report[i].Digest, Digest: report[i].Digest,
				Open: func(context.Context) (io.ReadCloser, error) { return l.Compressed() }})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	tree := make([]layers.TreeLayer, len(ls))
	for i, s := range surveys {
		tree[i] = layers.TreeLayer{Name: report[i].name(), Entries: s.Entries()}
	}
	c.Tree, c.oddities, err = layers.NewImageTree(tree)
	return err
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
