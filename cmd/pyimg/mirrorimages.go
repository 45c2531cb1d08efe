package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/push"
)

// runtimeImages brings the images along that runtimes come out of, each platform's by its digest.
func (p program) runtimeImages(c *cli.Context, o *bundle.Options) error {
	for _, in := range o.Inputs.Platforms {
		for _, r := range in.Runtimes {
			name, _, _ := strings.Cut(r.Image(), "@")
			ref := name + "@" + r.Digest
			have := slices.ContainsFunc(o.BaseImages, func(b bundle.BaseImage) bool { return b.Ref == ref })
			if name == "" || strings.HasPrefix(name, kindLayout+":") || have { // a layout lies beside the spec, as its files do
				continue
			}
			img, err := p.images(c).Image(c.Context, ref, in.Platform.String())
			if err != nil {
				return err
			}
			index, err := push.Wrap(img)
			if err != nil {
				return err
			}
			root, err := push.Root(index)
			if err != nil {
				return err
			}
			o.BaseImages = append(o.BaseImages, bundle.BaseImage{Ref: ref, Root: root, Index: index})
		}
	}
	return nil
}

// bundled is images of which a bundle has some, by their digests.
type bundled struct {
	bundle *bundle.Bundle
	next   assemble.Images
}

// mirroredImages are those of the bundle of --mirror, if there is one and it holds any, and of next.
func mirroredImages(b *bundle.Bundle, next assemble.Images) assemble.Images {
	if b == nil {
		return next
	}
	if _, some := b.File(bundle.LayoutDir + "/index.json"); !some {
		return next
	}
	return bundled{b, next}
}

func (b bundled) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	if strings.Contains(ref, "@") {
		index, err := push.ReadLayoutFrom(b.open(ctx), ref)
		if err == nil {
			return push.ImageFor(index, ref, platform)
		}
	}
	img, err := b.next.Image(ctx, ref, platform)
	if err != nil {
		return nil, fmt.Errorf("the bundle %s has it not: %w", b.bundle.Path, err)
	}
	return img, nil
}

// open opens files of the bundle's layout, each checked as all of the bundle's files are.
func (b bundled) open(ctx context.Context) push.OpenFile {
	return func(name string) (io.ReadCloser, int64, error) {
		f, ok := b.bundle.File(bundle.LayoutDir + "/" + name)
		if !ok {
			return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		r, err := b.bundle.Open(ctx, f)
		return r, f.Size, err
	}
}
