package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/oci"
)

// Source returns a Source that reads from the repository. ctx bounds its reads.
func (s *Repository) Source(ctx context.Context) oci.Source {
	return remoteSource{
		readManifest: func(desc v1.Descriptor) ([]byte, error) {
			_, raw, err := s.Manifest(ctx, desc.Digest.String())
			if IsMissing(err) {
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

// An absentError says that an index or manifest names a manifest or blob that the registry does not have.
type absentError struct{ error }

func (e *absentError) Unwrap() error      { return e.error }
func (*absentError) Is(target error) bool { return target == fs.ErrNotExist }

// openBlob opens a blob. It follows the registry's redirects.
func (s *Repository) openBlob(ctx context.Context, digest v1.Hash) (io.ReadCloser, error) {
	op := fmt.Sprintf("reading blob %q", digest)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("blobs", digest.String()), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, s.Fail(op, err)
	}
	if err := checkStatus(resp, http.StatusOK); err != nil {
		_ = resp.Body.Close()
		if err = s.Fail(op, err); IsMissing(err) {
			err = &absentError{err}
		}
		return nil, err
	}
	return &blobBody{resp.Body, func(err error) error { return s.Fail(op, err) }}, nil
}

// A blobBody adds the operation to an error in the middle of a blob.
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

// IsMissing reports whether a registry answered that it does not have something, or that it cannot answer such a
// request.
func IsMissing(err error) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, e.Status)
}
