package base

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Image is the image of one platform that another one is built on.
type Image struct {
	Locked lock.Base // without the changes to its packages
	Config v1.Config
	// StartInterval belongs to the healthcheck of Config.
	StartInterval time.Duration
	Created       time.Time
	Layers        []lock.Layer // lowest first

	// Database is apk's, and Without says why there is none. One of them is nil.
	Database *root.Base
	Without  error
	System   System

	Python     *python.Report     // of the CPython that is in it; nil for none
	Allocators []python.Allocator // that could be preloaded

	ref    string // ready to be opened
	image  v1.Image
	facts  []layers.LayerFacts
	reader *reader
}

// A FaultError says that an image cannot be built on.
type FaultError struct {
	Ref  string
	Err  error
	Code exit.Code // 0 is exit.Unverified
}

func (e *FaultError) Error() string { return fmt.Sprintf("the base image %s: %v", e.Ref, e.Err) }
func (e *FaultError) Unwrap() error { return e.Err }

// ExitCode is the error's code.
func (e *FaultError) ExitCode() exit.Code { return cmp.Or(e.Code, exit.Unverified) }

// Open reads the base of a platform. The digest that a lock has for it is pinned; "" for none.
func Open(ctx context.Context, s spec.Spec, p spec.Platform, pinned string, src input.Access) (*Image, error) {
	i := &Image{Locked: lock.Base{URL: s.Base.At(p)}, ref: s.BaseRef(p)}
	var err error
	if i.image, i.Locked.Digest, err = openImage(ctx, i.ref, pinned, p, src); err != nil {
		return nil, fmt.Errorf("base %s: %w", i.Locked.URL, err)
	}
	if err := i.read(ctx, src); err != nil {
		if !errors.As(err, new(*FaultError)) {
			err = fmt.Errorf("base %s: %w", i.Locked.URL, err)
		}
		return nil, err
	}
	return i, nil
}

// openImage opens an image for a platform, and returns the digest of its manifest. If that is pinned, the registry is asked for it,
// whatever the tag names now.
func openImage(ctx context.Context, ref, pinned string, p spec.Platform, src input.Access) (v1.Image, string, error) {
	if src.Images == nil {
		return nil, "", errors.New("this caller cannot read images")
	}
	ask := ref
	if name, _, _ := strings.Cut(ref, "@"); pinned != "" && !strings.HasPrefix(ref, spec.OciLayout) {
		ask = name + "@" + pinned
	}
	img, err := src.Images.Image(ctx, ask, p.String())
	if err != nil {
		return nil, "", err
	}
	digest, err := img.Digest()
	if err == nil && pinned != "" && digest.String() != pinned {
		err = &layers.DigestError{Name: ref, Want: pinned, Got: digest.String()}
	}
	return img, digest.String(), err
}

func (i *Image) read(ctx context.Context, src input.Access) error {
	config, err := i.image.ConfigFile()
	if err != nil {
		return err
	}
	raw, err := i.image.RawConfigFile()
	if err != nil {
		return err
	}
	i.StartInterval = lock.StartInterval(raw)
	i.Config, i.Created = config.Config, config.Created.UTC().Truncate(time.Second)
	if err := i.readLayers(ctx, config, src); err != nil {
		return err
	}
	i.Locked.Layers, i.Locked.History = len(i.Layers), history(config, i.Layers)
	t, _, err := i.Tree()
	if err != nil {
		return err
	}
	i.reader = &reader{tree: t, image: i, src: src}
	i.System = i.reader.system()
	i.Locked.Branch = i.System.Branch()
	i.Database, i.Without = i.reader.database(ctx)
	return i.readPython(t)
}

// readLayers learns the facts of the layers.
func (i *Image) readLayers(ctx context.Context, config *v1.ConfigFile, src input.Access) error {
	m, err := i.image.Manifest()
	if err != nil {
		return err
	}
	if len(m.Layers) != len(config.RootFS.DiffIDs) {
		return &FaultError{Ref: i.Locked.URL, Err: fmt.Errorf("it has %d layers, and its configuration names %d: no container runtime unpacks it", len(m.Layers), len(config.RootFS.DiffIDs))}
	}
	i.facts, i.Layers = make([]layers.LayerFacts, len(m.Layers)), make([]lock.Layer, len(m.Layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(src.Limit())
	for n, d := range m.Layers {
		i.Layers[n] = lock.Layer{Digest: d.Digest.String(), DiffID: config.RootFS.DiffIDs[n].String(), MediaType: mediaType(d.MediaType), Size: d.Size,
			From: "base " + i.Locked.Name()}
		group.Go(func() (err error) {
			i.facts[n], err = src.Store.FactsOf(ctx, i.source(n, src))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for n, f := range i.facts {
		if f.DiffID != i.Layers[n].DiffID {
			return &FaultError{Ref: i.Locked.URL, Err: fmt.Errorf("its configuration says that layer %d unpacks to %s, but it unpacks to %s: no container runtime accepts it",
				n+1, i.Layers[n].DiffID, f.DiffID)}
		}
	}
	return nil
}

// source opens a layer's bytes where the image is.
func (i *Image) source(n int, src input.Access) layers.Source {
	l := i.Layers[n]
	return layers.Source{Name: "layer " + l.Digest, Digest: l.Digest, Open: func(ctx context.Context) (io.ReadCloser, error) {
		return OpenLayer(i.image, l, src)
	}}
}

// OpenLayer opens the bytes of a layer of an image.
func OpenLayer(img v1.Image, l lock.Layer, src input.Access) (io.ReadCloser, error) {
	layer, err := img.LayerByDigest(lock.Hash(l.Digest))
	if err != nil {
		return nil, err
	}
	f, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	return src.Reported(f, l.From, l.Size), nil
}

// OpenLocked opens the bytes of a layer of a base by a lock, whose digest the lock has.
func OpenLocked(ctx context.Context, s spec.Spec, p lock.Platform, l lock.Layer, src input.Access) (io.ReadCloser, error) {
	img, _, err := openImage(ctx, s.BaseRef(p.Platform), p.Base.Digest, p.Platform, src)
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", p.Base.URL, err)
	}
	return OpenLayer(img, l, src)
}

// Keep stores the bytes of all layers, for what runs programs of the image.
func (i *Image) Keep(ctx context.Context, src input.Access) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(src.Limit())
	for n := range i.Layers {
		group.Go(func() error {
			_, err := src.Store.Keep(ctx, i.source(n, src))
			return err
		})
	}
	return group.Wait()
}

// mediaType returns the media type of a layer in an OCI manifest: that of docker's manifests names the same bytes.
func mediaType(m types.MediaType) string {
	switch m {
	case types.DockerLayer:
		return string(types.OCILayer)
	case types.DockerUncompressedLayer:
		return string(types.OCIUncompressedLayer)
	}
	return string(m)
}

// history returns the image's history if it fits the layers, else an entry for each layer: tools would show our layers with other
// layers' texts.
func history(config *v1.ConfigFile, ls []lock.Layer) []v1.History {
	n := 0
	for _, h := range config.History {
		if !h.EmptyLayer {
			n++
		}
	}
	if n == len(ls) {
		return slices.Clone(config.History)
	}
	out := make([]v1.History, len(ls))
	for i, l := range ls {
		out[i] = v1.History{Created: config.Created, CreatedBy: l.From, Comment: "the base has no history that fits its layers"}
	}
	return out
}

// Tree merges the layers. Each call makes a new tree, which the caller may add to.
func (i *Image) Tree() (*tree.Tree, []tree.Oddity, error) {
	stack := make([]tree.Layer, len(i.facts))
	for n, f := range i.facts {
		stack[n] = tree.Layer{Name: i.Layers[n].From, Entries: f.Entries()}
	}
	return tree.NewImage(stack)
}
