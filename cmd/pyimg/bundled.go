package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// givenBundle is the bundle of --bundle. A run opens it once, when it is asked for first, and closes it at its end.
type givenBundle struct {
	once   sync.Once
	bundle *bundle.Bundle
	err    error
}

// givenBundle is the bundle of --bundle, if it is that of --bundle-id; nil without the flag.
func (p program) givenBundle(c *cli.Context) (*bundle.Bundle, error) {
	g := p.given
	g.once.Do(func() { g.bundle, g.err = p.openGivenBundle(c) })
	return g.bundle, g.err
}

func (g *givenBundle) close() {
	if g.bundle != nil {
		_ = g.bundle.Close() // it was only read
	}
}

func (p program) openGivenBundle(c *cli.Context) (*bundle.Bundle, error) {
	name, id := c.String("bundle"), c.String("bundle-id")
	if name == "" {
		if c.IsSet("bundle-id") {
			return nil, exit.Usagef("--bundle-id is of the bundle that --bundle names, and it names none")
		}
		return nil, nil
	}
	var b *bundle.Bundle
	var err error
	if spec.IsURL(name) {
		b, err = bundle.OpenURL(c.Context, name, p.client(c, name))
	} else {
		b, err = openBundle(name)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.Complete(), b.CheckID(id)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// bundledSpec is the spec of that file name in the bundle of --bundle, or its only one where no name is given;
// fs.ErrNotExist where there is none.
func (p program) bundledSpec(c *cli.Context, name string) (spec.Spec, error) {
	b, err := p.givenBundle(c)
	if err != nil {
		return spec.Spec{}, err
	}
	if b == nil {
		return spec.Spec{}, fs.ErrNotExist
	}
	if name, err = b.ImageOf(name); err != nil {
		return spec.Spec{}, err
	}
	s, err := b.ReadSpec(c.Context, name)
	if errors.Is(err, fs.ErrNotExist) && len(b.Images()) > 0 {
		err = fmt.Errorf("%w; its images are %s", err, strings.Join(b.Images(), ", "))
	}
	return s, err
}

// bundledLock is the lock of the spec in the bundle of --bundle; fs.ErrNotExist where there is none. image is its name there.
func (p program) bundledLock(c *cli.Context) (l lock.Lock, b *bundle.Bundle, image string, err error) {
	if b, err = p.givenBundle(c); err != nil {
		return l, nil, "", err
	}
	if b == nil {
		return l, nil, "", fs.ErrNotExist
	}
	if image, err = b.ImageOf(c.Args().First()); err != nil {
		return l, nil, "", err
	}
	l, err = b.ReadLock(c.Context, image)
	return l, b, image, err
}
