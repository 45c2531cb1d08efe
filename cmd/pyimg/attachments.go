package main

import (
	"context"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sigstore"
)

// attachFlags say what a push attaches to the image.
func attachFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "sign-key", Usage: "`FILE` sign the image, its bills of materials and provenance with this private key, or env://NAME; see \"pyimg sign --help\""},
		&cli.BoolFlag{Name: "no-attach", Usage: "do not attach bills of materials and provenance to what is pushed"},
	}
}

// signingKey is the key of --sign-key; nil without one.
func signingKey(run *session.Session, set flags.Set) (*sigstore.PrivateKey, error) {
	where := set.String("sign-key")
	if where == "" {
		return nil, nil
	}
	if set.Bool("no-attach") {
		return nil, exit.Usagef("--sign-key attaches signatures, and --no-attach says to attach nothing")
	}
	key, err := run.PrivateKey("sign-key", where)
	return &key, err
}

// attachments are what the push of a lock's image attaches.
func (a assembly) attachments(l lock.Lock) (push.Attachments, error) {
	if a.set.Bool("no-attach") {
		return push.Attachments{}, nil
	}
	b := attest.Builder{Version: readVersion().Version}
	machine := []string{"cache-dir", "jobs", "set"} // where and how fast, which changes no image; variables are named one by one
	for _, f := range slices.Concat(flags.Source(), flags.Image()) {
		if name := f.Names()[0]; a.set.IsSet(name) && !slices.Contains(machine, name) {
			b.Flags = append(b.Flags, name)
		}
	}
	if len(a.labels) > 0 {
		b.Flags = append(b.Flags, "label-git")
	}
	set, err := flags.Variables(a.set)
	if err != nil {
		return push.Attachments{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		b.Flags = append(b.Flags, "set:"+name) // what it was set to is in the lock, filled in
	}
	return attest.Image(l, b, a.key)
}

// signAgain signs an image that the registry had already, where the key has not signed it yet: such a push attaches nothing.
func (a assembly) signAgain(ctx context.Context, index v1.ImageIndex, r push.Result, attached func() (push.Attachments, error)) error {
	if a.key == nil || r.BlobsSent+r.BlobsMounted+r.BlobsPresent > 0 {
		return nil
	}
	also, err := attached()
	if err != nil {
		return err
	}
	for _, ref := range r.Refs {
		if _, err := attest.Sign(ctx, a.run.Registry(), ref, index, *a.key, also, push.Options{}); err != nil {
			return err
		}
	}
	return nil
}
