package main

import (
	"cmp"
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
)

func (p program) pushCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
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
		&cli.StringSliceFlag{Name: "mount-from", Usage: "`REPOSITORY` take blobs from HOST/NAME where the same registry has them there"},
		&cli.BoolFlag{Name: "by-digest", Usage: "put no tag: the references are HOST/REPOSITORY; \"pyimg index create\" joins what was pushed so"},
	}
}

func pushOptions(c *cli.Context) push.Options {
	return push.Options{ByDigest: c.Bool("by-digest"), MountFrom: c.StringSlice("mount-from")}
}

func (p program) pushLayout(c *cli.Context) error {
	if c.NArg() < 2 {
		return exit.Usagef("push takes a layout and at least one image reference; see \"pyimg push --help\"")
	}
	refs := c.Args().Slice()[1:]
	if err := p.readLogin(c); err != nil {
		return err
	}
	if err := p.registry(c).CheckRefs(refs, pushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	path, _ := onDisk(c.Args().First())
	if path == "" {
		path = c.Args().First()
	}
	index, err := disk.ReadLayout(path)
	if err != nil {
		return err
	}
	pushing, err := p.beginPush(c, refs)
	if err != nil {
		return err
	}
	defer pushing.close()
	r, err := p.finishPush(c, pushing, index)
	if err != nil {
		return err
	}
	return p.results(c, r)
}

// pushing is a push under way: it logs in while the image is still being made.
type pushing struct {
	session *push.Session
	uploads *lateProgress
	failed  func() error // why the registries cannot be pushed to, if that is known
}

// beginPush begins to push to references; nil where there are none. Where it shows that they cannot be pushed to, such as
// by a wrong password, c's context ends: there is no use in making the image.
func (p program) beginPush(c *cli.Context, refs []string) (*pushing, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(c.Context)
	o, uploads := pushOptions(c), &lateProgress{}
	o.Progress = uploads
	session, err := p.registry(c).Begin(ctx, refs, o)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	whole := c.Context
	c.Context = ctx
	go func() {
		if err := session.Ready(ctx); err != nil {
			cancel(err)
		}
	}()
	failed := func() error {
		if cause := context.Cause(ctx); cause != nil && whole.Err() == nil {
			return cause
		}
		return nil
	}
	return &pushing{session, uploads, failed}, nil
}

func (p *pushing) close() {
	if p != nil {
		p.session.Close()
	}
}

// cause is err, or why the context ended that err is about.
func (p *pushing) cause(err error) error {
	if p == nil || err == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return cmp.Or(p.failed(), err)
}

// finishPush sends what there is now, and shows how far it is. The display has ended when it returns.
func (p program) finishPush(c *cli.Context, pushing *pushing, index v1.ImageIndex) (push.Result, error) {
	report, err := p.Progress(c.String("progress"))
	if err != nil {
		return push.Result{}, err
	}
	defer report.Close()
	pushing.uploads.to = report
	return pushing.session.Push(c.Context, index)
}

// lateProgress reports to a display that begins after the push: one display at a time may have the terminal.
type lateProgress struct{ to push.Progress }

func (l *lateProgress) Start(kind, name string, size int64) push.Task {
	return l.to.Start(kind, name, size)
}
