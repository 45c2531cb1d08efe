package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/layers"
)

// keyringKey is the question for a keyring: images with the same key files have the same one.
type keyringKey struct{ paths string }

func (run *Session) keyringKey(s spec.Spec, others []spec.Spec) keyringKey {
	paths := slices.Concat(run.flags.StringSlice("keyring"), []string{""}, s.KeyPaths())
	for _, o := range others {
		paths = append(append(paths, ""), o.KeyPaths()...)
	}
	return keyringKey{strings.Join(paths, "\n")}
}

// keyring trusts the keys of the command line and the specs and, where the command line names none, Alpine's own: these
// by fingerprint, wherever the file comes from.
func (run *Session) keyring(s spec.Spec, others []spec.Spec, client input.Opener, store *layers.Store) (*apk.Keyring, error) {
	ring := apk.NewKeyring()
	named := run.flags.StringSlice("keyring")
	for i, path := range slices.Concat(named, s.KeyPaths()) {
		err := ring.AddPath(path)
		if errors.Is(err, fs.ErrNotExist) && i >= len(named) && run.flags.String("bundle") != "" {
			continue // a bundle has its spec's keys elsewhere: they count where --bundle-id or the lock vouches for them
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, exit.WrongUse(err)
		} else if err != nil {
			return nil, err
		}
	}
	if len(named) == 0 {
		ring.Missing = func(ctx context.Context, k apk.AlpineKey) ([]byte, error) { return alpineKey(ctx, k, client, store) }
	}
	for _, o := range others {
		for _, path := range o.KeyPaths() {
			if err := ring.AddPath(path); err != nil {
				return nil, err
			}
		}
	}
	return ring, nil
}

// alpineKey finds one of Alpine's keys: in the cache, on an Alpine host, else at Alpine's site. The keyring checks its
// fingerprint.
func alpineKey(ctx context.Context, k apk.AlpineKey, client input.Opener, store *layers.Store) ([]byte, error) {
	const maxKey = 64 << 10
	record := "alpine-key-" + k.ID
	if store != nil {
		if b, err := store.Record(record); err == nil {
			return b, nil
		}
	}
	if b, err := regular.Read(filepath.Join("/etc/apk/keys", k.Name()), maxKey); err == nil {
		return b, nil
	}
	f, err := client.Open(ctx, k.URL())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.URL(), err)
	}
	if store != nil {
		_ = store.SetRecord(record, b) // else it is asked for again
	}
	return b, nil
}
