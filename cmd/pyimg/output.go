package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	refname "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push"
)

// output is a place on disk for an image.
type output struct {
	kind, path, name string // name: the tag, or the image's name in a docker archive
}

const (
	kindLayout        = "oci"
	kindArchive       = "oci-archive"
	kindDockerArchive = "docker-archive"
)

// parseOutputs reads --output before anything is done for it.
func parseOutputs(values []string, platforms int) ([]output, error) {
	var outputs []output
	for _, v := range values {
		kind, rest, ok := strings.Cut(v, ":")
		path, name, _ := strings.Cut(rest, ":")
		if !ok || path == "" {
			return nil, usagef("--output %q: expected oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME]", v)
		}
		switch kind {
		case kindLayout, kindArchive:
			if name != "" && !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`).MatchString(name) {
				return nil, usagef("--output %q: %q is no tag; expected %s:PATH[:TAG], PATH without a colon", v, name, kind)
			}
		case kindDockerArchive:
			if platforms != 1 {
				return nil, usagef("--output %q: a docker archive holds one platform, the spec has %d; choose one with --platform", v, platforms)
			}
			if _, err := refname.NewTag(name); name != "" && err != nil {
				return nil, usagef("--output %q: %w", v, err)
			}
		default:
			return nil, usagef("--output %q: unknown kind %q; known are oci, oci-archive and docker-archive", v, kind)
		}
		outputs = append(outputs, output{kind, path, name})
	}
	return outputs, nil
}

func (o output) write(ctx context.Context, index v1.ImageIndex) error {
	name := o.name
	if name == "" {
		name = "latest"
	}
	switch o.kind {
	case kindLayout:
		return push.WriteLayout(ctx, o.path, name, index)
	case kindArchive:
		return push.WriteArchive(ctx, o.path, name, index)
	}
	return push.WriteDockerArchive(ctx, o.path, o.name, index)
}

// printJSON prints a result for machines.
func (p program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
