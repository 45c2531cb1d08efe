package bundle

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Keyring trusts the keys of these files and folders, Alpine's own, whose files the bundle has, and, where its ID vouches
// for the bundle, those that its specs name. No host is asked for any.
func (b *Bundle) Keyring(ctx context.Context, paths []string) (*apk.Keyring, error) {
	ring := apk.NewKeyring()
	for _, path := range paths {
		if err := ring.AddPath(path); err != nil {
			return nil, exit.WrongUse(err)
		}
	}
	ring.Missing = b.findKey
	if !b.Vouched {
		return ring, nil
	}
	return ring, b.AddKeys(ctx, ring)
}

// findKey finds the file of one of Alpine's keys, for apk.Keyring.Missing, which checks its fingerprint.
func (b *Bundle) findKey(ctx context.Context, k apk.AlpineKey) ([]byte, error) {
	return b.Read(ctx, manifest.KeyPath(k.Name()))
}

// AddKeys trusts the bundle's keys that its specs name (alpine.keys). The caller must know the bundle's ID from elsewhere:
// who gave it vouches for all that the bundle holds. A spec that cannot be read names none; Verify says what is wrong with it.
func (b *Bundle) AddKeys(ctx context.Context, ring *apk.Keyring) error {
	var errs []error
	for _, image := range b.Images() {
		spec, err := b.ReadSpec(ctx, image)
		if err != nil {
			continue
		}
		errs = append(errs, b.AddKeysOf(ctx, ring, spec))
	}
	return errors.Join(errs...)
}

// AddKeysOf is AddKeys for the keys that one spec names.
func (b *Bundle) AddKeysOf(ctx context.Context, ring *apk.Keyring, s spec.Spec) error {
	var errs []error
	for _, f := range b.Of(manifest.Key) {
		if namesKey(s, path.Base(f.Path)) {
			errs = append(errs, b.addKey(ctx, ring, f))
		}
	}
	return errors.Join(errs...)
}

func (b *Bundle) addKey(ctx context.Context, ring *apk.Keyring, f manifest.File) error {
	text, err := b.Read(ctx, f.Path)
	if err != nil {
		return err
	}
	return faulty(b.Path, f.Path, ring.Add(path.Base(f.Path), text))
}

// namesKey reports whether a spec names a key's file, by its name in the bundle, or a folder, which may have had it.
func namesKey(spec spec.Spec, key string) bool {
	for _, p := range spec.Alpine.Keys {
		name := path.Base(manifest.KeyPath(path.Base(strings.ReplaceAll(p, `\`, "/"))))
		if !strings.HasSuffix(name, ".pub") || key == name || strings.HasSuffix(key, "-"+name) {
			return true
		}
	}
	return false
}
