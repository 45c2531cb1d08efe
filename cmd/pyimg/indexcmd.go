package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
)

func (p program) indexCommand() *cli.Command {
	flags := append(registryFlags(), resultFlags()...)
	flags = append(flags,
		&cli.StringSliceFlag{Name: "tag", Usage: "`REF` another reference for the index"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` put an annotation on the index"},
	)
	return cmdline.Group("index", "work on multi-platform indexes", cmdline.Command(&cli.Command{
		Name:      "create",
		Usage:     "join images that several machines pushed by digest into one index",
		ArgsUsage: "REF SRC...",
		Description: "Each SRC is an image or an index in a registry. What their indexes all state as an annotation the new one states,\n" +
			"too: parts that were assembled with --push REPO --by-digest get the digest of the image assembled whole. Nothing\n" +
			"is uploaded that REF's registry has. Prints REF@DIGEST.\n\n" +
			"Example: pyimg index create ghcr.io/you/python:3.14 ghcr.io/you/python@sha256:AAA ghcr.io/you/python@sha256:BBB",
		Flags:  flags,
		Action: p.indexCreate,
	}))
}

func (p program) indexCreate(c *cli.Context) error {
	if err := p.readLogin(c); err != nil {
		return err
	}
	if c.NArg() < 2 {
		return exit.Usagef("index create takes an image reference and at least one source; see \"pyimg index create --help\"")
	}
	annotations, err := keyValues(c, "annotation")
	if err != nil {
		return err
	}
	refs := append([]string{c.Args().First()}, c.StringSlice("tag")...)
	registry := p.registry(c)
	if err := registry.CheckRefs(refs, push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	if err := registry.CheckRefs(c.Args().Tail(), push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	report, err := p.Progress(c.String("progress"))
	if err != nil {
		return err
	}
	r, err := registry.Join(c.Context, refs, c.Args().Tail(), annotations, push.Options{Progress: report})
	report.Close()
	if err != nil {
		return err
	}
	return p.results(c, r)
}

// keyValues reads a repeatable flag of the form KEY=VALUE.
func keyValues(c *cli.Context, flag string) (map[string]string, error) {
	var m map[string]string
	for _, v := range c.StringSlice(flag) {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return nil, exit.Usagef("--%s %q: expected KEY=VALUE", flag, v)
		}
		if err := spec.CheckLabel(key, value); err != nil {
			return nil, exit.WrongUse(fmt.Errorf("--%s: %w", flag, err))
		}
		if m == nil {
			m = map[string]string{}
		}
		m[key] = value
	}
	return m, nil
}
