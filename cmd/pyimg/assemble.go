package main

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
)

func assembleCommand(con console.Console) *cli.Command {
	all := slices.Concat(flags.Source(), flags.Image(), flags.Registry(), flags.Push(), resultFlags())
	all = append(all,
		&cli.StringSliceFlag{Name: "push", Usage: "`REF` push the image to this reference in a registry"},
		&cli.StringSliceFlag{Name: "output", Usage: "`KIND:PATH[:NAME]` write the image to " + outputForms() + "; the file - is stdout"},
		flags.Lock(),
		&cli.BoolFlag{Name: "locked", Usage: "demand a lock that fits the spec"},
		&cli.BoolFlag{Name: "no-lock", Usage: "leave the lock aside"},
		&cli.BoolFlag{Name: "print-spec", Usage: "print the spec that is in force, and do nothing else"},
	)
	return cmdline.Command(&cli.Command{
		Name:      "assemble",
		Usage:     "resolve, ingest, verify, then write or push an image",
		ArgsUsage: "[SPEC]",
		Description: "SPEC is pyimg.yaml where left out, else the embedded one. Prints REF@DIGEST for each --push, else the digest alone;\n" +
			"an archive that is written to stdout has that to itself, and the digest goes to stderr.\n\n" +
			"A lock next to the spec (see \"pyimg lock\") decides what the image is, and has to fit the spec. With --push nothing is then\n" +
			"fetched but what the registry lacks; with neither --push nor --output the image is made, to see that it still comes out so.\n\n" +
			"Example: pyimg assemble --push ghcr.io/you/python:3.14\n" +
			"         pyimg assemble app.yaml --platform linux/amd64 --output docker-archive:app.tar:app:latest\n" +
			"         pyimg assemble app.yaml --output docker-archive:-:app:latest | docker load",
		Flags:  all,
		Action: action(con, assembleImage),
	})
}

func assembleImage(ctx context.Context, run *session.Session, c *cli.Context) error {
	s, err := run.SpecToBuild(ctx, c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("print-spec") {
		return printSpec(run, s)
	}
	outputs, err := outputs(run, c, &s)
	if err != nil {
		return err
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	if err := run.Registry().CheckRefs(c.StringSlice("push"), flags.PushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	l, locked, err := run.Lock(ctx, s)
	if err != nil {
		return err
	}
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return err
	}
	ctx, pushing, err := run.BeginPush(ctx, c.StringSlice("push"), flags.PushOptions(c))
	if err != nil {
		return err
	}
	defer pushing.Close()
	var open lock.OpenBlob
	if locked {
		open, err = supply(ctx, run, c, s, l, src, keys, outputs)
	} else {
		l, open, err = fresh(ctx, run, s, src, keys)
	}
	if err != nil {
		return pushing.Cause(err)
	}
	index, err := l.Index(ctx, open)
	if err != nil {
		return err
	}
	return pushing.Cause(deliver(ctx, run, c, index, outputs, pushing))
}

// printSpec prints a spec without the credentials in its URLs.
func printSpec(run *session.Session, s spec.Spec) error {
	text, err := s.Redacted().YAML()
	if err != nil {
		return err
	}
	if s.HasCredentials() {
		run.Warn("the spec's URLs are printed without their user names, passwords and queries")
	}
	_, err = run.Stdout.Write(text)
	return err
}

// supply brings what the lock names. Where nothing is to be delivered the image is made from it, to see that it still
// can be.
func supply(ctx context.Context, run *session.Session, c *cli.Context, s spec.Spec, l lock.Lock, src input.Access, keys *apk.Keyring,
	outputs []output) (lock.OpenBlob, error) {
	supply, err := assemble.NewSupply(l, s, src, keys)
	if err != nil {
		return nil, err
	}
	switch {
	case len(outputs) > 0:
		err = run.Progressing(func(progress input.Progress) error { return supply.Fetch(ctx, progress) })
	case len(c.StringSlice("push")) == 0:
		var got lock.Lock
		got, err = run.Build(ctx, src, func(src input.Access) (assemble.Plan, error) { return assemble.PlanOf(ctx, l, s, src, keys) })
		if err == nil {
			err = l.Expect(got)
		}
	}
	return supply.Open, err
}

// fresh makes the image without a lock. A layer that is found damaged when it is to be sent or written is made anew.
func fresh(ctx context.Context, run *session.Session, s spec.Spec, src input.Access, keys *apk.Keyring) (lock.Lock, lock.OpenBlob, error) {
	lock, err := run.Build(ctx, src, func(src input.Access) (assemble.Plan, error) { return assemble.Resolve(ctx, s, src, keys) })
	if err != nil {
		return lock, nil, err
	}
	supply, err := assemble.NewSupply(lock, s, src, keys)
	if err != nil {
		return lock, nil, err
	}
	return lock, supply.Open, nil
}

// deliver writes and pushes the image, and says what came out.
func deliver(ctx context.Context, run *session.Session, c *cli.Context, index v1.ImageIndex, outputs []output, pushing *session.Push) error {
	for _, o := range outputs {
		if err := write(ctx, run, o, index); err != nil {
			return err
		}
	}
	if pushing != nil {
		r, err := run.FinishPush(ctx, pushing, index)
		if err != nil {
			return err
		}
		return results(ctx, run, c, r)
	}
	r, err := push.Describe(index)
	if err != nil {
		return err
	}
	if err := results(ctx, run, c, r); err != nil {
		return err
	}
	if len(outputs) == 0 && c.String("progress") != "quiet" {
		fmt.Fprintln(run.Stderr, "pyimg: the image was made, and nothing was written: add --push REF, or --output "+outputForms())
	}
	return nil
}
