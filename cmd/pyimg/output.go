package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// output is a place on disk for an image.
type output struct {
	kind       disk.Kind
	path, name string // name: the tag, or the image's name in a docker archive
	platform   string // of an image for several, the one that a docker archive on stdout holds; else ""
}

// outputForms are what can be written after --output, as a user reads it.
func outputForms() string {
	var forms []string
	for _, k := range disk.Kinds() {
		forms = append(forms, k.Name+":"+k.Form)
	}
	last := len(forms) - 1
	return strings.Join(forms[:last], ", ") + " or " + forms[last]
}

// outputKinds are what an output begins with, such as "oci:".
func outputKinds() []string {
	var kinds []string
	for _, k := range disk.Kinds() {
		kinds = append(kinds, k.Name+":")
	}
	return kinds
}

// outputs reads --output before anything is done for it. A docker archive on stdout is for this machine, so it holds the
// platform of this machine where the spec has several; where nothing else is to be made, no other one is made.
func outputs(run *session.Session, set flags.Set, s *spec.Spec) ([]output, error) {
	var outputs []output
	hostOnly := len(set.StringSlice("output")) > 0 && len(set.StringSlice("push")) == 0
	for _, v := range set.StringSlice("output") {
		o, err := parseOutput(v)
		if err != nil {
			return nil, err
		}
		if console.OnStdout(o.path) && run.ResultTerminal {
			return nil, exit.Usagef("--output %q: stdout is a terminal, and an archive is not for reading; pipe it into a program such as \"docker load\", or name a file", v)
		}
		several := o.kind.Single && len(s.Platforms) != 1
		if several && console.OnStdout(o.path) {
			if o.platform, err = hostPlatform(s.Platforms); err != nil {
				return nil, exit.WrongUse(fmt.Errorf("--output %q: %w", v, err))
			}
		} else if several {
			return nil, exit.Usagef("--output %q: a docker archive holds one platform, the spec has %d; choose one with --platform", v, len(s.Platforms))
		}
		hostOnly = hostOnly && o.platform != ""
		outputs = append(outputs, o)
	}
	if hostOnly {
		var err error
		s.Platforms, err = spec.ParsePlatforms(outputs[0].platform)
		return outputs, err
	}
	return outputs, nil
}

func parseOutput(v string) (output, error) {
	kind, rest, known := disk.SplitKind(v)
	path, name := disk.SplitName(rest)
	switch before, after, _ := strings.Cut(v, ":"); {
	case !known && after != "":
		return output{}, exit.Usagef("--output %q: unknown kind %q; expected %s", v, before, outputForms())
	case !known || path == "":
		return output{}, exit.Usagef("--output %q: expected %s", v, outputForms())
	}
	if kind.Folder && path == console.Dash {
		return output{}, exit.Usagef("--output %q: an OCI layout is a folder; an archive can be written to stdout: oci-archive:-", v)
	}
	if err := kind.CheckName(name); err != nil {
		return output{}, exit.Usagef("--output %q: %w", v, err)
	}
	return output{kind: kind, path: path, name: name}, nil
}

// hostPlatform is the platform of those that runs on this machine, whose containers are Linux's on every system.
func hostPlatform(platforms []spec.Platform) (string, error) {
	host := "linux/" + runtime.GOARCH
	for _, variant := range []string{"", "/v7", "/v6"} {
		for _, p := range platforms {
			if p.String() == host+variant {
				return p.String(), nil
			}
		}
	}
	return "", fmt.Errorf("a docker archive holds one platform, the spec has %d, and %s of this machine is not among them; choose one with --platform",
		len(platforms), host)
}

func write(ctx context.Context, run *session.Session, o output, index v1.ImageIndex) error {
	if o.platform != "" {
		img, err := oci.ImageFor(index, o.path, o.platform)
		if err != nil {
			return err
		}
		if index, err = oci.Wrap(img); err != nil {
			return err
		}
	}
	if console.OnStdout(o.path) {
		return o.kind.Stream(ctx, run.RawOut, o.name, index)
	}
	return o.kind.Write(ctx, o.path, o.name, index)
}
