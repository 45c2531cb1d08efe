package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Contents has the contents of one platform of an image, whatever tool made it.
type Contents struct {
	Platform spec.Platform
	Digest   string // of its manifest
	Config   *v1.ConfigFile
	Layers   []LayerReport // lowest first
	Tree     *tree.Tree
	oddities []tree.Oddity
	diffIDs  []string // of the layers' tars, as they are
	brought  int64    // bytes of all files in all layers, including hidden ones
}

// eachContents reads the platforms of an image one after the other, so that only one root is in memory at a time. It returns the
// entries that it skipped. With only, it reads these platforms, and it is an error if one is missing.
func eachContents(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform, do func(Contents) error) ([]Skipped, error) {
	all, skipped, err := platformImages(index, only)
	if err != nil {
		return nil, err
	}
	left := 0
	for _, p := range all {
		c, err := p.read(ctx, store)
		if errors.Is(err, fs.ErrNotExist) && len(only) == 0 {
			skipped, left = append(skipped, p.skipped(err)), left+1
			continue
		}
		if err != nil {
			return skipped, err
		}
		if err := do(c); err != nil {
			return skipped, err
		}
	}
	if left == len(all) {
		return nil, nothing(skipped)
	}
	return skipped, nil
}

// read reads the layers and merges them into one root.
func (p platformImage) read(ctx context.Context, store *layers.Store) (Contents, error) {
	c := p.Contents
	surveys, err := c.survey(ctx, p.image, store)
	if err == nil {
		stack := make([]tree.Layer, len(surveys))
		for i, s := range surveys {
			c.diffIDs = append(c.diffIDs, s.DiffID)
			stack[i] = tree.Layer{Name: c.Layers[i].name(), Entries: c.counted(s)}
		}
		c.Tree, c.oddities, err = tree.NewImage(stack)
	}
	if err != nil {
		return c, fmt.Errorf("reading image %s (%s): %w", c.Digest, c.Platform, err)
	}
	return c, nil
}

// counted yields a layer's entries and adds up the sizes of their files.
func (c *Contents) counted(s layers.LayerFacts) iter.Seq2[layers.Entry, error] {
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

// survey learns the facts of the layers. It does not open layers that the store knows.
func (c *Contents) survey(ctx context.Context, img v1.Image, store *layers.Store) ([]layers.LayerFacts, error) {
	var err error
	if c.Layers, err = reportLayers(img, c.Config); err != nil {
		return nil, err
	}
	ls, err := img.Layers()
	if err != nil {
		return nil, err
	}
	surveys := make([]layers.LayerFacts, len(ls))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, l := range ls {
		group.Go(func() (err error) {
			digest := c.Layers[i].Digest
			surveys[i], err = store.FactsOf(ctx, layers.Source{Name: "layer " + digest, Digest: digest,
				Open: func(context.Context) (io.ReadCloser, error) { return l.Compressed() }})
			return err
		})
	}
	return surveys, group.Wait()
}

// name returns the name of a layer in findings: what pyimg made it from, or else its digest.
func (l LayerReport) name() string {
	if from, ok := strings.CutPrefix(l.From, lock.HistoryPrefix); ok {
		return from
	}
	return l.Digest
}

// own reports whether pyimg made a layer: its history says so, or it has no history and pyimg made the layer below it. The layer that
// deletes files of a base does not count: deleting is its purpose.
func (c Contents) own(layer int) bool {
	for i := layer; i >= 0; i-- {
		if from := c.Layers[i].From; from != "" {
			return strings.HasPrefix(from, lock.HistoryPrefix) && from != lock.HistoryPrefix+lock.RemovedLayer
		}
	}
	return false
}
