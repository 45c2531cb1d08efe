package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/internal/fetch"
)

// mirrorOf opens the bundle that --mirror names; nil without the flag.
func mirrorOf(c *cli.Context) (*bundle.Bundle, error) {
	if c.String("mirror") == "" {
		return nil, nil
	}
	b, err := openBundle(c.String("mirror"))
	if err != nil {
		return nil, err
	}
	if err := b.Complete(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// mirrored opens what a spec names out of the bundle of --mirror, and what that has not through client.
func mirrored(c *cli.Context, s assemble.Spec, client *fetch.Client) (from assemble.Opener, done func(), err error) {
	b, err := mirrorOf(c)
	if b == nil || err != nil {
		return client, func() {}, err
	}
	return b.Opener(s, client), func() { _ = b.Close() }, nil // it was only read
}

// mirrorsSpec is the spec in the bundle of --mirror; fs.ErrNotExist where there is none.
func mirrorsSpec(c *cli.Context) (assemble.Spec, error) {
	b, err := mirrorOf(c)
	if err != nil {
		return assemble.Spec{}, err
	}
	if b == nil {
		return assemble.Spec{}, fs.ErrNotExist
	}
	defer b.Close()
	return b.ReadSpec()
}

// mirrorsLock is the lock in the bundle of --mirror, where there is none at its usual place. without is the error that
// stands where there is none there either.
func mirrorsLock(c *cli.Context, file string, without error) (assemble.Lock, string, error) {
	b, err := mirrorOf(c)
	if err != nil {
		return assemble.Lock{}, file, err
	}
	if b == nil {
		return assemble.Lock{}, file, without
	}
	defer b.Close()
	lock, _, err := b.LockAndSpec()
	if errors.Is(err, fs.ErrNotExist) {
		err = without
	}
	return lock, fmt.Sprintf("%s/%s", c.String("mirror"), bundle.LockPath), err
}
