package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
)

func (p program) resolveCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "resolve",
		Usage:     "print the packages that a world comes to, in install order",
		ArgsUsage: "[PKG...]",
		Description: "Prints NAME=VERSION, a line each. Without PKG it resolves the spec: pyimg.yaml here, else the embedded one.\n" +
			"With several platforms a line \"# PLATFORM\" comes before each.\n\n" +
			"Example: pyimg resolve --platform linux/arm64 alpine-baselayout busybox 'python3>3.12'",
		Flags: append(append(sourceFlags(), reachFlags()...),
			&cli.StringFlag{Name: "spec", Usage: "`FILE` the spec that says where packages come from"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: p.resolve,
	})
}

func (p program) resolve(c *cli.Context) error {
	s, err := p.openSpec(c, c.String("spec"))
	if err != nil {
		return err
	}
	if err := applySourceFlags(c, &s); err != nil {
		return err
	}
	if c.NArg() > 0 {
		if err := onlyPackages(&s, c.Args().Slice()); err != nil {
			return err
		}
	}
	src, done, err := p.sources(c, s, slices.ContainsFunc(s.Runtimes, func(r spec.Runtime) bool { return r.Source != "apk" }))
	defer done()
	if err != nil {
		return err
	}
	plan, err := assemble.Resolve(c.Context, s, src)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return p.printPlanJSON(plan)
	}
	for _, pp := range plan.Platforms {
		if len(plan.Platforms) > 1 {
			fmt.Fprintf(p.Stdout, "# %s\n", pp.Platform)
		}
		for _, pkg := range pp.Packages {
			fmt.Fprintf(p.Stdout, "%s=%s\n", pkg.Name, pkg.Version)
		}
	}
	return nil
}

// onlyPackages makes the spec ask for these packages and nothing else.
func onlyPackages(s *spec.Spec, names []string) error {
	s.Packages, s.Asked, s.Runtimes, s.Allocator = nil, nil, nil, spec.Allocator{}
	for _, name := range names {
		d, err := apk.ParseDependency(name)
		if err != nil {
			return exit.WrongUse(err)
		}
		s.Packages = append(s.Packages, d)
		s.Asked = append(s.Asked, spec.Asked{Name: d.Name, At: "the command line"})
	}
	return nil
}

type resolvedPlatform struct {
	Platform spec.Platform     `json:"platform"`
	World    []string          `json:"world"`
	Packages []resolvedPackage `json:"packages"`
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

func (p program) printPlanJSON(plan assemble.Plan) error {
	out := make([]resolvedPlatform, len(plan.Platforms))
	for i, pp := range plan.Platforms {
		out[i] = resolvedPlatform{Platform: pp.Platform, World: []string{}, Packages: []resolvedPackage{}}
		for _, d := range pp.World {
			out[i].World = append(out[i].World, d.String())
		}
		for _, pkg := range pp.Packages {
			out[i].Packages = append(out[i].Packages, resolvedPackage{pkg.Name, pkg.Version, pkg.Arch, pkg.Checksum.String(),
				pkg.Size, pkg.InstalledSize, redact.URLs(pkg.URLs())})
		}
	}
	return p.JSON(out)
}
