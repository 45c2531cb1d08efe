package session

import (
	"context"
	"io"
	"sync"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/push/artifact"
)

// Client fetches for a command. Servers that ask for credentials get those of the environment where a location in named is
// theirs.
func (run *Session) Client(named ...string) *fetch.Client {
	credentials := fetch.Environment(run.Getenv, named...)
	if run.several != nil {
		return run.several.client.WithCredentials(credentials)
	}
	return &fetch.Client{Offline: run.flags.Bool("offline"), Notice: run.Notice(), Credentials: credentials,
		Registries: artifacts(sync.OnceValue(func() *artifact.Opener { return artifact.NewOpener(run.Registry()) }))}
}

// artifacts opens what is in registries, with the login as it is when something is first asked for.
type artifacts func() *artifact.Opener

func (a artifacts) Open(ctx context.Context, location string) (io.ReadCloser, error) {
	return a().Open(ctx, location)
}

// Access is what a build of s reads from, and whose signatures count: nil with --allow-untrusted. Without needStore there may be no store: what only reads indexes gains time by it and
// nothing else. Credentials go to hosts of s and of the other specs alone.
func (run *Session) Access(ctx context.Context, s spec.Spec, needStore bool, others ...spec.Spec) (input.Access, *apk.Keyring, error) {
	jobs := run.flags.Int("jobs")
	if jobs < 0 {
		return input.Access{}, nil, exit.Usagef("--jobs %d: expected a number from 0 on", jobs)
	}
	named := s.Locations()
	for _, o := range others {
		named = append(named, o.Locations()...)
	}
	client := run.Client(named...)
	client.Jobs = jobs
	images, err := run.requireSignatures(s, run.Images())
	if err != nil {
		return input.Access{}, nil, err
	}
	src := input.Access{Fetch: client, Jobs: jobs, Images: images}
	if run.several != nil {
		src.Memo = run.several.memo
	}
	if src.Mirrors, err = run.mirrors(s); err != nil {
		return src, nil, err
	}
	b, err := run.Bundle(ctx)
	if err != nil {
		return src, nil, err
	}
	if b != nil {
		src = outOf(b, s, src)
	}
	if !needStore {
		src.Store = run.lasting()
	} else if src.Store, err = run.Store(); err != nil {
		return src, nil, err
	}
	if src.Store != nil {
		src.Runners = rootless.NewRunners(src.Store, run.Warn)
	}
	keys, err := memo.Once(ctx, src.Memo, run.keyringKey(s, others), func(ctx context.Context) (*apk.Keyring, error) {
		keys, err := run.keyring(s, others, src.Fetch, src.Store)
		if err == nil && b != nil && b.Vouched {
			err = b.AddKeys(ctx, keys)
		}
		return keys, err
	})
	if run.flags.Bool("allow-untrusted") {
		keys = nil
	}
	return src, keys, err
}

// outOf takes out of a bundle what it has for a spec, and the rest from where src takes it.
func outOf(b *bundle.Bundle, s spec.Spec, src input.Access) input.Access {
	src.Fetch, src.Images, src.Folder = b.Opener(s, src.Fetch), BundleImages(b, s, src.Images), b.FolderOf(s)
	src.Wheels, src.Texts, src.Layers = b.Wheels(s), b.TextsOf(s), b.Layers()
	return src
}

// AccessOf is what a build of s reads from a bundle alone.
func (run *Session) AccessOf(b *bundle.Bundle, s spec.Spec) (input.Access, error) {
	store, err := run.Store()
	if err != nil {
		return input.Access{}, err
	}
	return outOf(b, s, input.Access{Fetch: &fetch.Client{Offline: true}, Images: Offline{}, Store: store, Runners: rootless.NewRunners(store, run.Warn)}), nil
}
