package draft

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// An addon is what config.yaml and build.yaml say of a Home Assistant app (formerly add-on).
type addon struct {
	file  string
	bases map[string]string // by architecture, as Home Assistant names it
	args  map[string]string
}

// addonPlatforms are the architectures of Home Assistant with their platforms.
func addonPlatforms() map[string]string {
	return map[string]string{"amd64": "linux/amd64", "aarch64": "linux/arm64", "armv7": "linux/arm/v7", "armhf": "linux/arm/v6", "i386": "linux/386"}
}

// base are the images to build on, by platform; nil if none is named.
func (a addon) base(platforms []string) map[string]string {
	out := make(map[string]string)
	for arch, platform := range addonPlatforms() {
		if ref := a.bases[arch]; ref != "" && (len(platforms) == 0 || slices.Contains(platforms, platform)) {
			out[platform] = "image:" + ref
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// readAddon reads the files that Home Assistant's builder reads, where they are.
func (b *builder) readAddon() error {
	var config struct {
		name, version, slug, description, url string
		archs                                 []string
	}
	for _, name := range []string{"config.yaml", "config.yml"} {
		if !b.has(name) {
			continue
		}
		data, err := b.peek(name)
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, cause(err))
		}
		d := strictyaml.New(name, "config.yaml")
		some(d, data, map[string]strictyaml.Field{
			"name": d.Str(&config.name), "version": d.Str(&config.version), "slug": d.Str(&config.slug), "description": d.Str(&config.description), "url": d.Str(&config.url),
			"arch": d.List(func(s string) error { config.archs = append(config.archs, s); return nil }),
		})
		if config.slug == "" || len(config.archs) == 0 {
			return nil // another kind of config.yaml
		}
		b.read = append(b.read, name)
		break
	}
	if config.slug == "" {
		return nil
	}
	for _, arch := range config.archs {
		if platform, ok := addonPlatforms()[arch]; ok {
			b.spec.Platforms = append(b.spec.Platforms, platform)
		}
	}
	b.label("io.hass.type", "addon")
	b.label("io.hass.name", config.name)
	b.label("io.hass.description", config.description)
	b.label("io.hass.version", config.version)
	if config.url != "" {
		b.label("io.hass.url", config.url)
	}
	b.note("config.yaml", "io.hass.arch", "this label has another value for each architecture, and a spec has one for all", "images of several architectures work without it")
	return b.readBuild(config.archs)
}

// readBuild reads build.yaml. Without it the builder takes Home Assistant's own base images.
func (b *builder) readBuild(archs []string) error {
	b.addon.file = "Home Assistant's builder"
	b.addon.bases = make(map[string]string)
	for _, arch := range archs {
		b.addon.bases[arch] = "ghcr.io/home-assistant/" + arch + "-base:latest"
	}
	for _, name := range []string{"build.yaml", "build.yml"} {
		if !b.has(name) {
			continue
		}
		data, err := b.file(name)
		if err != nil {
			return err
		}
		var bases, args, labels map[string]string
		anything := func(string, string) error { return nil }
		d := strictyaml.New(name, "build.yaml")
		some(d, data, map[string]strictyaml.Field{"build_from": d.Table(&bases, anything), "args": d.Table(&args, anything), "labels": d.Table(&labels, anything)})
		if err := d.Err(); err != nil {
			return err
		}
		b.addon.file = name
		maps.Copy(b.addon.bases, bases)
		b.addon.args = args
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			b.label(key, labels[key])
		}
	}
	return nil
}

// some reads the named fields of a mapping, and steps over others.
func some(d *strictyaml.Decoder, data []byte, known map[string]strictyaml.Field) {
	top := d.Parse(data)
	if top == nil {
		return
	}
	d.Pairs("", top, func(key string, _, value ast.Node) {
		if read, ok := known[key]; ok {
			if value = d.Follow(key, value); value != nil && !strictyaml.IsNull(value) {
				read(key, value)
			}
		}
	})
}
