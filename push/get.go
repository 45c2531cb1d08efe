package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

// Get reads what a reference names: an index, or a single image as an index of one (see [oci.Root]). Configs and layers are
// read when they are asked for, as long as ctx lasts.
func (r Registry) Get(ctx context.Context, ref string) (v1.ImageIndex, error) {
	return patience.Promptly(ctx, func() (v1.ImageIndex, error) { return r.get(ctx, ref) })
}

func (r Registry) get(ctx context.Context, s string) (v1.ImageIndex, error) {
	ref, err := r.parse(s)
	if err != nil {
		return nil, err
	}
	repo, err := r.connect(ctx, ref.Context(), transport.PullScope)
	if err != nil {
		return nil, err
	}
	desc, raw, err := repo.getManifest(ctx, identifier(ref))
	if err != nil {
		return nil, err
	}
	desc.MediaType = oci.MediaType(desc.MediaType, raw)
	idx, err := oci.Open(repo.source(ctx), desc, raw)
	return idx, repo.fail(fmt.Sprintf("reading image %q", identifier(ref)), err)
}

// connect opens a repository that is asked for one thing.
func (r Registry) connect(ctx context.Context, repo name.Repository, actions string) (*repository, error) {
	way, err := r.transport(new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	return r.open(ctx, repo, func() (greeting, error) { return greet(ctx, repo.Registry, way) }, way, actions, nil)
}

// identifier is a reference's tag or digest.
func identifier(ref name.Reference) string {
	if tag, ok := ref.(name.Tag); ok {
		return tag.TagStr()
	}
	return ref.Identifier()
}

// source reads from the repository as long as ctx lasts.
func (s *repository) source(ctx context.Context) oci.Source {
	return remoteSource{
		readManifest: func(desc v1.Descriptor) ([]byte, error) {
			_, raw, err := s.getManifest(ctx, desc.Digest.String())
			if isMissing(err) {
				return nil, &absentError{err}
			}
			return raw, err
		},
		openBlob: func(desc v1.Descriptor) (io.ReadCloser, error) { return s.openBlob(ctx, desc.Digest) },
	}
}

type remoteSource struct {
	readManifest func(v1.Descriptor) ([]byte, error)
	openBlob     func(v1.Descriptor) (io.ReadCloser, error)
}

func (s remoteSource) Manifest(desc v1.Descriptor) ([]byte, error) {
	raw, err := s.readManifest(desc)
	if err == nil {
		err = oci.Check(raw, desc)
	}
	return raw, err
}

func (s remoteSource) Blob(desc v1.Descriptor) (io.ReadCloser, error) { return s.openBlob(desc) }

// An absentError is a manifest or blob that an index or a manifest of the registry names, and that is not there.
type absentError struct{ error }

func (e *absentError) Unwrap() error      { return e.error }
func (*absentError) Is(target error) bool { return target == fs.ErrNotExist }

// openBlob opens a blob, from where the registry sends us.
func (s *repository) openBlob(ctx context.Context, digest v1.Hash) (io.ReadCloser, error) {
	op := fmt.Sprintf("reading blob %q", digest)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("blobs", digest.String()), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, s.fail(op, err)
	}
	if err := checkStatus(resp, http.StatusOK); err != nil {
		_ = resp.Body.Close()
		if err = s.fail(op, err); isMissing(err) {
			err = &absentError{err}
		}
		return nil, err
	}
	return &blobBody{resp.Body, func(err error) error { return s.fail(op, err) }}, nil
}

// A blobBody says what was being read where that breaks off.
type blobBody struct {
	io.ReadCloser
	fail func(error) error
}

func (b *blobBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.fail(err)
	}
	return n, err
}
