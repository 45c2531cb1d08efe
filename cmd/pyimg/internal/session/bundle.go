package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Bundle opens the bundle that --bundle names, if it is that of --bundle-id; nil without the flag.
func (run *Session) Bundle(ctx context.Context) (*bundle.Bundle, error) {
	if !run.bundleAsked {
		run.bundleAsked = true
		run.bundle, run.bundleErr = run.openGivenBundle(ctx)
	}
	return run.bundle, run.bundleErr
}

func (run *Session) openGivenBundle(ctx context.Context) (*bundle.Bundle, error) {
	name, id := run.flags.String("bundle"), run.flags.String("bundle-id")
	if name == "" {
		for _, flag := range []string{"bundle-id", "bundle-key"} {
			if run.flags.IsSet(flag) {
				return nil, exit.Usagef("--%s is of the bundle that --bundle names, and it names none", flag)
			}
		}
		return nil, nil
	}
	var b *bundle.Bundle
	var err error
	if spec.IsURL(name) {
		b, err = bundle.OpenURL(ctx, name, run.Client(name))
	} else {
		b, err = OpenBundle(name)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.Complete(), b.CheckID(id), run.vouch(b, "bundle-key", name)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	run.atEnd(func() { _ = b.Close() }) // it was only read
	return b, nil
}

// bundledSpec is the spec of that file name in the bundle of --bundle, or its only one where no name is given;
// fs.ErrNotExist where there is none.
func (run *Session) bundledSpec(ctx context.Context, name string) (spec.Spec, error) {
	b, err := run.Bundle(ctx)
	if err != nil {
		return spec.Spec{}, err
	}
	if b == nil {
		return spec.Spec{}, fs.ErrNotExist
	}
	if name, err = b.ImageOf(name); err != nil {
		return spec.Spec{}, err
	}
	if len(run.flags.StringSlice("set")) > 0 {
		return spec.Spec{}, exit.Usagef("--set: the spec comes from the bundle, which has it with all variables filled in; make the bundle with other values")
	}
	s, err := b.ReadSpec(ctx, name)
	if errors.Is(err, fs.ErrNotExist) && len(b.Images()) > 0 {
		err = fmt.Errorf("%w; its images are %s", err, strings.Join(b.Images(), ", "))
	}
	return s, err
}

// bundledLock is the lock of the spec in the bundle of --bundle; fs.ErrNotExist where there is none. image is its name there.
func (run *Session) bundledLock(ctx context.Context) (l lock.Lock, b *bundle.Bundle, image string, err error) {
	if b, err = run.Bundle(ctx); err != nil {
		return l, nil, "", err
	}
	if b == nil {
		return l, nil, "", fs.ErrNotExist
	}
	if image, err = b.ImageOf(run.first()); err != nil {
		return l, nil, "", err
	}
	l, err = b.ReadLock(ctx, image)
	return l, b, image, err
}
