package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/layers/local"
)

// mirrorOf opens the bundle that --bundle names, if it is that of --bundle-id; nil without the flag.
func mirrorOf(c *cli.Context) (*bundle.Bundle, error) {
	if c.String("bundle") == "" {
		if c.IsSet("bundle-id") {
			return nil, exit.Usagef("--bundle-id is of the bundle that --bundle names, and it names none")
		}
		return nil, nil
	}
	var b *bundle.Bundle
	var err error
	if name := c.String("bundle"); spec.IsURL(name) {
		client := &fetch.Client{Offline: c.Bool("offline"), Notice: console.Console{Stderr: c.App.ErrWriter}.Notice(c.String("progress")), Credentials: fetch.Environment(os.Getenv, name)}
		b, err = bundle.OpenURL(c.Context, name, client)
	} else {
		b, err = openBundle(name)
	}
	if err != nil {
		return nil, err
	}
	err = b.Complete()
	if err == nil {
		err = checkID(b, c.String("bundle-id"))
		b.Vouched = err == nil && c.String("bundle-id") != ""
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// mirrored has src take what a spec names out of the bundle of --bundle, and what that has not from where it took it
// before. b is nil without a bundle. The caller calls done when the build is over.
func mirrored(c *cli.Context, s spec.Spec, src *input.Access) (b *bundle.Bundle, done func(), err error) {
	b, err = mirrorOf(c)
	if b == nil || err != nil {
		return nil, func() {}, err
	}
	src.Fetch, src.Images = b.Opener(s, src.Fetch), mirroredImages(b, s, src.Images)
	return b, func() { _ = b.Close() }, nil // it was only read
}

// mirrorsSpec is the spec of that file name in the bundle of --bundle, or its only one where no name is given;
// fs.ErrNotExist where there is none.
func mirrorsSpec(c *cli.Context, name string) (spec.Spec, error) {
	b, err := mirrorOf(c)
	if err != nil {
		return spec.Spec{}, err
	}
	if b == nil {
		return spec.Spec{}, fs.ErrNotExist
	}
	defer b.Close()
	name, err = imageIn(b, name)
	if err != nil {
		return spec.Spec{}, err
	}
	s, err := b.ReadSpec(c.Context, name)
	if errors.Is(err, fs.ErrNotExist) && len(b.Images()) > 0 {
		err = fmt.Errorf("%w; its images are %s", err, strings.Join(b.Images(), ", "))
	}
	s.Folder = func(ctx context.Context) (*local.Folder, error) { return mirrorsFolder(ctx, c, name) }
	return s, err
}

// mirrorsFolder is what that image's spec takes of its folder, out of the bundle of --bundle.
func mirrorsFolder(ctx context.Context, c *cli.Context, name string) (*local.Folder, error) {
	b, err := mirrorOf(c)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Folder(ctx, name)
}

// imageIn is the name of the image in a bundle that a spec's file name stands for; without one, of the only image.
func imageIn(b *bundle.Bundle, spec string) (string, error) {
	images := b.Images()
	switch {
	case spec != "":
		return strings.TrimSuffix(lock.FileFor(filepath.Base(spec)), ".lock"), nil
	case len(images) == 1:
		return images[0], nil
	case len(images) == 0 || slices.Contains(images, "pyimg"):
		return "pyimg", nil
	}
	return "", exit.Usagef("the bundle %s has the specs %s; name one", b.Path, strings.Join(images, ".yaml, ")+".yaml")
}

// mirrorsLock is the lock of the spec in the bundle of --bundle, where there is none at its usual place. without is the
// error that stands where there is none there either.
func mirrorsLock(c *cli.Context, file string, without error) (lock.Lock, string, error) {
	b, err := mirrorOf(c)
	if err != nil {
		return lock.Lock{}, file, err
	}
	if b == nil {
		return lock.Lock{}, file, without
	}
	defer b.Close()
	name, err := imageIn(b, c.Args().First())
	if err != nil {
		return lock.Lock{}, file, err
	}
	lock, err := b.ReadLock(c.Context, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = without
	}
	return lock, b.Path + "/" + manifest.LockPath(name), err
}

// mirrorsFault is what it says of the bundle of --bundle that a lock does not fit the files of its spec: all of it comes from
// there where none lies here.
func mirrorsFault(c *cli.Context, s spec.Spec, file string, err error) error {
	if err == nil || s.Folder == nil || file == lockFile(c) || c.Err() != nil ||
		errors.As(err, new(*bundle.FaultError)) || errors.As(err, new(*bundle.ReadError)) {
		return err
	}
	if errors.As(err, new(*lock.Error)) {
		err = errors.New("it holds other files than the lock was made of")
	}
	dir, name := path.Split(file)
	return &bundle.FaultError{Bundle: strings.TrimSuffix(dir, "/"), File: manifest.FilesPath(strings.TrimSuffix(name, ".lock")), Err: err}
}
