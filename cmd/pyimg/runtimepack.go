package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
)

func runtimePackCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name: "pack", Usage: "make a tarball of a runtime that is a layer without any change",
		ArgsUsage: "DIR|TARBALL",
		Description: "The same files make the same bytes: rooted at their prefix, sorted, owned by 0:0, of one time ($SOURCE_DATE_EPOCH, else 1980),\n" +
			"with a report of what it is at PREFIX/share/pyimg/NAME.json. Prints the digest; it is what a spec says in sha256.\n\n" +
			"Example: pyimg runtime pack python/ -o cpython-3.13.5-x86_64.tar.zst --strip-tests",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` write the tarball there; - is stdout"},
			&cli.StringFlag{Name: "compression", Usage: "`gzip|zstd[:LEVEL]` compress it so (default: zstd where the output's name ends in .zst, else gzip)"},
			&cli.StringFlag{Name: "prefix", Usage: "`DIR` the folder in the image where it will be (default: where a rooted one says, else /usr/local)"},
			&cli.StringSliceFlag{Name: "exclude", Usage: "`GLOB` leave out what matches, such as '**/__pycache__'"},
			&cli.BoolFlag{Name: "strip-tests", Usage: "leave out CPython's own test suites"},
			&cli.BoolFlag{Name: "offline", Usage: "read files and directories only, ask no host"},
		},
		Action: action(con, runtimePack),
	})
}

func runtimePack(ctx context.Context, run *session.Session, c *cli.Context) error {
	o, err := packOptions(run, c)
	if err != nil {
		return err
	}
	store, err := run.TemporaryStore()
	if err != nil {
		return err
	}
	packed, err := runtime.Pack(ctx, c.Args().First(), input.Access{Fetch: run.Client(c.Args().First()), Store: store}, o)
	if err != nil {
		return err
	}
	f, err := store.Open(packed.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := run.CopyFile(ctx, c.String("output"), f); err != nil {
		return err
	}
	for _, n := range packed.Notes {
		fmt.Fprintf(run.Stderr, "pyimg: %s\n", n)
	}
	fmt.Fprintln(run.ResultWriter(), packed.Digest)
	return nil
}

func packOptions(run *session.Session, c *cli.Context) (runtime.PackOptions, error) {
	var o runtime.PackOptions
	if c.NArg() != 1 || c.String("output") == "" {
		return o, exit.Usagef("runtime pack takes one folder or tarball, and -o FILE; see \"pyimg runtime pack --help\"")
	}
	created, err := run.Created()
	if err != nil {
		return o, err
	}
	o = runtime.PackOptions{Prefix: c.String("prefix"), Exclude: c.StringSlice("exclude"), StripTests: c.Bool("strip-tests"), Created: created.Truncate(time.Second)}
	o.Layers.Strategy, o.Layers.Compression = "auto", "gzip"
	if strings.HasSuffix(c.String("output"), ".zst") {
		o.Layers.Compression = "zstd"
	}
	if text := c.String("compression"); text != "" {
		if err := o.Layers.SetCompression(text); err != nil {
			return o, exit.WrongUse(fmt.Errorf("--compression: %w", err))
		}
	}
	if err := o.Check(); err != nil {
		return o, exit.WrongUse(err)
	}
	return o, nil
}
