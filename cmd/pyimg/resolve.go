package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
)

func resolveCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "resolve",
		Usage:     "print the packages that the spec needs, in install order",
		ArgsUsage: "[PKG...]",
		Description: "Prints NAME=VERSION, a line each. Without PKG it resolves the spec: pyimg.yaml here, else the embedded one.\n" +
			"With several platforms a line \"# PLATFORM\" comes before each.\n\n" +
			"With --base it prints what \"apk add\" would change on the root of that image, a line each, in apk's order:\n" +
			"\"+ NAME=VERSION\", \"> NAME=OLD -> NEW\" or \"- NAME=VERSION\"; nothing where nothing changes.\n\n" +
			"Example: pyimg resolve --platform linux/arm64 alpine-baselayout busybox 'python3>3.12'\n" +
			"         pyimg resolve --base docker.io/library/alpine:3.22 nginx",
		Flags: append(append(flags.Source(), flags.Reach()...),
			flags.Base(),
			&cli.StringFlag{Name: "spec", Usage: "`FILE` the spec that says where packages come from"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: action(con, resolvePackages),
	})
}

func resolvePackages(ctx context.Context, run *session.Session, c *cli.Context) error {
	s, err := run.Spec(ctx, c.String("spec"))
	if err != nil {
		return err
	}
	if c.NArg() > 0 {
		if err := flags.OnlyPackages(&s, c.Args().Slice()); err != nil {
			return err
		}
	}
	if err := flags.ApplyBase(c, &s); err != nil {
		return exit.WrongUse(err)
	}
	s.Base.Upgrade = s.Base.Asked() // what would change is what is asked for
	src, keys, err := run.Access(ctx, s, s.Base.Asked() || slices.ContainsFunc(s.Runtimes, func(r spec.Runtime) bool { return r.Source != "apk" }))
	if err != nil {
		return err
	}
	if s.Base.Asked() && !c.IsSet("platform") {
		if s.Platforms, err = platformsOfBase(ctx, s, src); err != nil {
			return err
		}
	}
	plan, err := assemble.Resolve(ctx, s, src, keys)
	run.WarnAll(plan.Warnings)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printPlanJSON(run, plan)
	}
	for _, pp := range plan.Platforms {
		if len(plan.Platforms) > 1 {
			fmt.Fprintf(run.Stdout, "# %s\n", pp.Platform)
		}
		if pp.Base != nil {
			for _, step := range pp.Steps {
				fmt.Fprintln(run.Stdout, step)
			}
			continue
		}
		for _, pkg := range pp.Packages {
			fmt.Fprintf(run.Stdout, "%s=%s\n", pkg.Name, pkg.Version)
		}
	}
	return nil
}

// platformsOfBase are those of the spec's platforms that the base has an image for.
func platformsOfBase(ctx context.Context, s spec.Spec, src input.Access) ([]spec.Platform, error) {
	var have []spec.Platform
	var missing error
	for _, p := range s.Platforms {
		if s.Base.At(p) == "" {
			continue
		}
		switch _, err := src.Images.Image(ctx, s.BaseRef(p), p.String()); {
		case err == nil:
			have = append(have, p)
		case errors.Is(err, fs.ErrNotExist):
			missing = cmp.Or(missing, err)
		default:
			return nil, fmt.Errorf("base %s: %w", s.Base.At(p), err)
		}
	}
	if len(have) == 0 {
		return nil, fmt.Errorf("the base has none of the platforms: %w", missing)
	}
	return have, nil
}

type resolvedPlatform struct {
	Platform spec.Platform     `json:"platform"`
	World    []string          `json:"world"`
	Packages []resolvedPackage `json:"packages"`
	Changes  []string          `json:"changes,omitempty"` // of the packages of a base, as they are printed otherwise
}

type resolvedPackage struct {
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	Arch          string   `json:"arch"`
	Checksum      string   `json:"checksum"`
	Size          int64    `json:"size"`
	InstalledSize int64    `json:"installedSize"`
	URLs          []string `json:"urls"`
}

func printPlanJSON(run *session.Session, plan assemble.Plan) error {
	out := make([]resolvedPlatform, len(plan.Platforms))
	for i, pp := range plan.Platforms {
		out[i] = resolvedPlatform{Platform: pp.Platform, World: []string{}, Packages: []resolvedPackage{}}
		for _, d := range pp.World {
			out[i].World = append(out[i].World, d.String())
		}
		for _, step := range pp.Steps {
			out[i].Changes = append(out[i].Changes, step.String())
		}
		for _, pkg := range pp.Packages {
			out[i].Packages = append(out[i].Packages, resolvedPackage{pkg.Name, pkg.Version, pkg.Arch, pkg.Checksum.String(),
				pkg.Size, pkg.InstalledSize, redact.URLs(pkg.URLs())})
		}
	}
	return run.JSON(out)
}
