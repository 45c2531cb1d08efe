package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

func attachCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "attach",
		Usage:     "attach a file to an image in a registry, or list what is attached",
		ArgsUsage: "REF [FILE...]",
		Description: "Attaches an SBOM, a provenance statement or anything else as an OCI 1.1 referrer; registries without the referrers\n" +
			"API get a list under the tag sha256-DIGEST. Prints REPOSITORY@DIGEST of what was attached. With --list it prints what\n" +
			"is attached, a line each: digest, type, size, name.\n\n" +
			"Example: pyimg attach ghcr.io/you/python:3.14 --type application/spdx+json sbom.spdx.json\n" +
			"         pyimg attach --list ghcr.io/you/python:3.14",
		Flags: append(flags.Registry(),
			&cli.StringFlag{Name: "type", Usage: "`MEDIA-TYPE` the type of what is attached; with --list, list no others"},
			&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` put an annotation on what is attached"},
			&cli.BoolFlag{Name: "list", Usage: "list what is attached"},
			&cli.BoolFlag{Name: "json", Usage: "with --list: as JSON"},
		),
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			if c.Bool("list") {
				return listAttached(ctx, run, c)
			}
			return attach(ctx, run, c)
		}),
	})
}

func attach(ctx context.Context, run *session.Session, c *cli.Context) error {
	if err := run.ReadLogin(); err != nil {
		return err
	}
	if c.NArg() < 2 || c.String("type") == "" {
		return exit.Usagef("attach takes an image reference, --type and a file; see \"pyimg attach --help\"")
	}
	annotations, err := flags.KeyValues(c, "annotation")
	if err != nil {
		return err
	}
	ref := c.Args().First()
	if err := run.Registry().CheckRefs([]string{ref}, push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	artifact := push.Artifact{Type: c.String("type"), Annotations: annotations}
	for _, name := range c.Args().Tail() {
		artifact.Files = append(artifact.Files, push.File{
			Name: filepath.Base(name), Open: func() (io.ReadCloser, error) { return regular.Open(name) },
		})
	}
	report, err := run.Progress()
	if err != nil {
		return err
	}
	got, err := run.Registry().Attach(ctx, ref, artifact, push.Options{Progress: report})
	report.Close()
	if err != nil {
		return err
	}
	fmt.Fprintln(run.Stdout, got.Ref)
	return nil
}

func listAttached(ctx context.Context, run *session.Session, c *cli.Context) error {
	if err := run.ReadLogin(); err != nil {
		return err
	}
	if c.NArg() != 1 {
		return exit.Usagef("attach --list takes one image reference; see \"pyimg attach --help\"")
	}
	_, list, err := run.Registry().Referrers(ctx, c.Args().First(), c.String("type"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if list == nil {
			list = []v1.Descriptor{}
		}
		return run.JSON(list)
	}
	for _, d := range list {
		fmt.Fprintf(run.Stdout, "%s  %s  %d  %s\n", d.Digest, termtext.Line(d.ArtifactType), d.Size, termtext.Line(d.Annotations["org.opencontainers.image.title"]))
	}
	return nil
}
