package main

import (
	"context"
	"fmt"
	"path/filepath"
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

// bundled is images of which the folder of a bundle has some, by their digests.
type bundled struct {
	layout string
	next   assemble.Images
}

// mirroredImages are those of the bundle of --mirror, where that is a folder, and of next.
func mirroredImages(c *cli.Context, next assemble.Images) assemble.Images {
	layout := filepath.Join(c.String("mirror"), bundle.LayoutDir)
	if c.String("mirror") == "" || !isFile(layout) {
		return next
	}
	return bundled{layout, next}
}

func (b bundled) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	if strings.Contains(ref, "@") {
		img, err := push.Images{}.Image(ctx, kindLayout+":"+b.layout+":"+ref, platform)
		if err == nil {
			return img, nil
		}
	}
	img, err := b.next.Image(ctx, ref, platform)
	if err != nil {
		return nil, fmt.Errorf("the bundle's %s has it not: %w", b.layout, err)
	}
	return img, nil
}
