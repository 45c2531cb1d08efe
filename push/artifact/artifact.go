// Package artifact opens manifests and blobs of registries by URL, see registryurl. It opens each repository once.
package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// An Opener opens what URLs of registries name. Safe for concurrent use.
type Opener struct {
	registry     push.Registry
	repositories memo.Memo
}

// NewOpener reads with the credentials of a registry's client.
func NewOpener(r push.Registry) *Opener { return &Opener{registry: r} }

// Open opens a manifest or a blob. The error is fs.ErrNotExist where the registry does not have it. A manifest that is named by its
// digest is checked; the bytes of a blob are not: the caller knows their size.
func (o *Opener) Open(ctx context.Context, location string) (io.ReadCloser, error) {
	l, err := registryurl.ParseLocation(location)
	if err != nil {
		return nil, fmt.Errorf("opening %.200q: %w", location, err)
	}
	repo, err := o.repository(ctx, l.Repository)
	if err != nil {
		return nil, err
	}
	if l.Manifest != "" {
		_, raw, err := repo.Manifest(ctx, l.Manifest)
		if err != nil {
			return nil, missing(err)
		}
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	digest, err := v1.NewHash(l.Blob)
	if err != nil {
		return nil, fmt.Errorf("opening %.200q: %w", location, err)
	}
	body, err := repo.Source(ctx).Blob(v1.Descriptor{Digest: digest})
	return body, missing(err)
}

func (o *Opener) repository(ctx context.Context, name string) (*remote.Repository, error) {
	return memo.Once(ctx, &o.repositories, name, func(ctx context.Context) (*remote.Repository, error) {
		repo, _, err := o.registry.Repository(ctx, name, false)
		return repo, err
	})
}

// missing makes an error that a registry's "404" is an fs.ErrNotExist.
func missing(err error) error {
	if err != nil && remote.IsMissing(err) && !errors.Is(err, fs.ErrNotExist) {
		return &absentError{err}
	}
	return err
}

// An absentError says that a registry does not have something.
type absentError struct{ error }

func (e *absentError) Unwrap() error      { return e.error }
func (*absentError) Is(target error) bool { return target == fs.ErrNotExist }
