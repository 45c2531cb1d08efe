package main

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/push"
)

func (p program) pushCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "push",
		Usage:     "push what was assembled earlier, elsewhere",
		ArgsUsage: "LAYOUT REF...",
		Description: "LAYOUT is DIR[:TAG] of an OCI layout, or an archive. Prints REF@DIGEST, a line each.\n\n" +
			"Example: pyimg push image/:latest ghcr.io/you/python:3.14",
		Flags:  append(append(registryFlags(), pushFlags()...), resultFlags()...),
		Action: p.pushLayout,
	})
}

// pushFlags are the flags of the commands that push images.
func pushFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "mount-from", Usage: "take blobs from `HOST/REPOSITORY` where the same registry has them there (repeatable)"},
		&cli.BoolFlag{Name: "by-digest", Usage: "put no tag: the references are HOST/REPOSITORY; \"pyimg index create\" joins what was pushed so"},
	}
}

func pushOptions(c *cli.Context) push.Options {
	return push.Options{ByDigest: c.Bool("by-digest"), MountFrom: c.StringSlice("mount-from")}
}

func (p program) pushLayout(c *cli.Context) error {
	if c.NArg() < 2 {
		return usagef("push takes a layout and at least one image reference; see \"pyimg push --help\"")
	}
	refs := c.Args().Slice()[1:]
	if err := p.readLogin(c); err != nil {
		return err
	}
	if err := p.registry(c).CheckRefs(refs, pushOptions(c)); err != nil {
		return usageError{err}
	}
	path, _ := onDisk(c.Args().First())
	if path == "" {
		path = c.Args().First()
	}
	index, err := push.ReadLayout(path)
	if err != nil {
		return err
	}
	r, err := p.push(c, index, refs)
	if err != nil {
		return err
	}
	return p.results(c, r)
}

// push pushes and shows how far it is. The display has ended when it returns.
func (p program) push(c *cli.Context, index v1.ImageIndex, refs []string) (push.Result, error) {
	report, err := p.reporter(c)
	if err != nil {
		return push.Result{}, err
	}
	defer report.Close()
	o := pushOptions(c)
	o.Progress = report
	return p.registry(c).Push(c.Context, index, refs, o)
}
