package session

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
)

// OpenBundle opens a bundle that an argument names.
func OpenBundle(name string) (*bundle.Bundle, error) {
	if spec.IsURL(name) {
		return nil, exit.Usagef("opening bundle %q: expected a folder or a tar; a bundle that is served is for \"pyimg assemble --bundle URL\", lock and resolve", redact.URL(name))
	}
	b, err := bundle.Open(name)
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*bundle.FaultError)) {
		return nil, exit.WrongUse(err)
	}
	return b, err
}

// BundleArgument opens the bundle that the command's first argument names, on its base where --base names one.
func (run *Session) BundleArgument() (*bundle.Bundle, error) {
	b, err := OpenBundle(run.first())
	if err != nil {
		return nil, err
	}
	run.atEnd(func() { _ = b.Close() }) // it was only read
	if err := b.CheckID(run.flags.String("id")); err != nil {
		return nil, err
	}
	if err := run.vouch(b, "key", run.first()); err != nil {
		return nil, err
	}
	if run.flags.String("base") == "" {
		return b, nil
	}
	if b.Base == "" {
		return nil, exit.Usagef("--base is of a delta, and the bundle %s is whole: leave it out", b.Path)
	}
	base, err := OpenBundle(run.flags.String("base"))
	if err != nil {
		return nil, err
	}
	if err := b.On(base); err != nil { // else b closes it
		return nil, errors.Join(err, base.Close())
	}
	return b, nil
}

// BundleKeyring trusts the keys that the user named, and those that the bundle's Keyring has; nil asks for no signatures.
func (run *Session) BundleKeyring(ctx context.Context, b *bundle.Bundle) (*apk.Keyring, error) {
	if run.flags.Bool("allow-untrusted") {
		return nil, nil
	}
	return b.Keyring(ctx, run.flags.StringSlice("keyring"))
}

// VerifyBundle reads all of a bundle, and fails where it is not whole and genuine.
func (run *Session) VerifyBundle(ctx context.Context, b *bundle.Bundle) error {
	ring, err := run.BundleKeyring(ctx, b)
	if err != nil {
		return err
	}
	_, err = b.Verify(ctx, ring)
	return err
}
