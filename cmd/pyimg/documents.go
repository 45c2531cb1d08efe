package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/sbom"
)

// documents are what the argument of the command consists of, by platform.
func documents(ctx context.Context, run *session.Session, c *cli.Context, arg string) ([]sbom.Document, error) {
	only, err := flags.Platforms(c)
	if err != nil {
		return nil, err
	}
	switch {
	case filepath.Ext(arg) == ".lock":
		l, err := lock.Read(arg)
		if err != nil {
			return nil, err
		}
		return lockDocuments(l, only)
	case arg == "", session.IsSpec(arg):
		l, err := specLock(ctx, run, arg)
		if err != nil {
			return nil, err
		}
		return lockDocuments(l, nil)
	}
	if _, here := session.OnDisk(arg); c.Bool("offline") && !here {
		return nil, exit.Usagef("--offline says to ask no host, and %q is in a registry", arg)
	}
	index, err := run.Open(ctx, arg)
	if err != nil {
		return nil, err
	}
	store, err := run.Store()
	if err != nil {
		return nil, err
	}
	found, skipped, err := image.Documents(ctx, index, store, only)
	run.WarnSkipped(skipped)
	return found, err
}

// lockDocuments are what the platforms of a lock consist of.
func lockDocuments(l lock.Lock, only []spec.Platform) ([]sbom.Document, error) {
	var all []sbom.Document
	var have []string
	for _, p := range l.Platforms {
		have = append(have, p.Platform.String())
		if len(only) > 0 && !slices.Contains(only, p.Platform) {
			continue
		}
		if len(p.Components) == 0 {
			return nil, l.Named(&lock.Error{Err: fmt.Errorf("an older pyimg wrote it, without what the image consists of; write it again with \"pyimg lock\"")})
		}
		d := p.Document(l.Annotations)
		d.Asked = inventory.Asked(p.Components, p.World)
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, exit.Usagef("the lock %s has %s, and not what --platform names", l.Name, strings.Join(have, ", "))
	}
	return all, nil
}

// specLock is the lock of a spec: the one next to it where it has what is asked for, else that of the image that is assembled.
func specLock(ctx context.Context, run *session.Session, name string) (lock.Lock, error) {
	s, err := run.Spec(ctx, name)
	if err != nil {
		return lock.Lock{}, err
	}
	l, locked, err := run.Lock(ctx, s)
	if err != nil || locked && len(l.Platforms[0].Components) > 0 {
		return l, err
	}
	built, err := run.Try(ctx, s, l, locked)
	return built.Lock, err
}
