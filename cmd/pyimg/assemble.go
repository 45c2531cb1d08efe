package main

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

func assembleCommand(con console.Console) *cli.Command {
	all := slices.Concat(flags.SourceAndKey(), flags.Image(), flags.Registry(), flags.Push(), resultFlags(), attachFlags())
	all = append(all,
		&cmdline.OptionalFlag{
			StringSliceFlag: &cli.StringSliceFlag{Name: "push", Usage: "`REF` push the image to this reference in a registry; without a reference, to those of the spec's field push"},
			Alone:           whereSpecSays, Argument: isSpecFile},
		&cli.StringSliceFlag{Name: "tag", Usage: "`TAG` give this tag to references that have none"},
		&cli.BoolFlag{Name: "send-last", Usage: "with --push: send no layer before all of the image is fetched and checked"},
		&cli.StringSliceFlag{Name: "output", Usage: "`KIND:PATH[:NAME]` write the image to " + outputForms() + "; the file - is stdout"},
		flags.Lock(),
		&cli.BoolFlag{Name: "locked", Usage: "demand a lock that fits the spec"},
		&cli.BoolFlag{Name: "no-lock", Usage: "ignore the lock"},
		&cli.BoolFlag{Name: "label-git", Usage: "label the image with the commit that the spec's folder is at, its tag and its remote; see docs/SPEC.md"},
		&cli.BoolFlag{Name: "print-spec", Usage: "print the spec that is in force, and do nothing else"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as JSON, one line for each image"},
	)
	return cmdline.Command(&cli.Command{
		Name:      "assemble",
		Usage:     "resolve, ingest, verify, then write or push images",
		ArgsUsage: "[SPEC...]",
		Description: "SPEC is pyimg.yaml where left out, else the embedded one. Prints REF@DIGEST for each --push, else the digest alone;\n" +
			"an archive that is written to stdout has that to itself, and the digest goes to stderr.\n\n" +
			"A lock next to the spec (see \"pyimg lock\") decides what the image is, and has to fit the spec. With --push nothing is then\n" +
			"fetched but what the registry lacks; with neither --push nor --output the image is made, to see that it still comes out so.\n\n" +
			"Several specs share all that they have in common. Each result is followed by a tab and its spec. In references and names of\n" +
			"files, {name} stands for the name of the spec's file without .yaml, or of its folder for a pyimg.yaml. One spec's fault does\n" +
			"not stop the others; the exit code is that of the gravest fault: 6, 2, 3, 4, 5, then 1.\n\n" +
			"Example: pyimg assemble --push ghcr.io/you/python:3.14\n" +
			"         pyimg assemble app.yaml --platform linux/amd64 --output docker-archive:app.tar:app:latest\n" +
			"         pyimg assemble app.yaml --output docker-archive:-:app:latest | docker load\n" +
			"         pyimg assemble images/*.yaml --push ghcr.io/you/{name}:1.0",
		Flags:  all,
		Action: action(con, assembleImages),
	})
}

func assembleImages(ctx context.Context, run *session.Session, c *cli.Context) error {
	images, err := many.Images(c.Args().Slice())
	if err != nil {
		return err
	}
	if len(images) > 1 {
		return assembleSeveral(ctx, run, c, images)
	}
	a, err := newAssembly(ctx, run, run.Console, c, images[0])
	if err != nil {
		return err
	}
	if c.Bool("print-spec") {
		return printSpec(a.run, a.spec)
	}
	if err := a.run.ReadLogin(a.refs...); err != nil {
		return err
	}
	if a.key, err = signingKey(run, c); err != nil {
		return err
	}
	r, err := a.deliver(ctx)
	if err != nil {
		return err
	}
	if err := results(ctx, a.run, a.set, images[0], r); err != nil {
		return err
	}
	a.sayWhatIsMissing()
	return nil
}
