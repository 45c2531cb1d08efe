package layers

import (
	"archive/tar"
	"context"
	"errors"
	"os"
)

// IngestFacts is Ingest for callers that need only the facts, which Faults and Entries return. If the store has the
// facts of src already, IngestFacts stores no bytes.
func (s *Store) IngestFacts(ctx context.Context, src Source) (Blob, error) {
	return s.ingest(ctx, src, false)
}

// RewriteSource is Rewrite of the bytes of src alone. The digest of src must be given. If the new layer is stored
// already, RewriteSource does not open src.
//
// The store does not keep both forms: once the new layer is stored, it removes the bytes of src and keeps their facts.
// It leaves the bytes there if this store was asked for them by Ingest, Blob or Open, or if another run uses the folder
// and may rely on them. A later call removes them then.
//
// If contents is not nil, the contents of files change, too. The recipe must describe that change as well.
func (s *Store) RewriteSource(ctx context.Context, src Source, recipe string, o MakeOptions, edit Edit, contents ContentEdit) (Blob, error) {
	s.relied.pin(src.Digest)
	b, err := s.rewriteStored(ctx, recipe, o, []string{src.Digest},
		func(_ int, h *tar.Header) (bool, error) { return edit(h) }, contents,
		func() error {
			_, err := s.ingest(ctx, src, true)
			return err
		})
	return b, errors.Join(err, s.relied.unpin(src.Digest, func() error { return s.release(src.Digest) }))
}

// release removes a blob and keeps its facts. It does nothing while other runs use the folder.
func (s *Store) release(digest string) error {
	path := s.blobPath(digest)
	if _, err := os.Lstat(path); err != nil {
		return nil //nolint:nilerr // it is gone already
	}
	unlock, err := s.dir.Lock(false)
	if err != nil {
		return err
	}
	defer unlock()
	if len(s.dir.Running()) > 0 {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s.dir.WriteError(err)
	}
	return nil
}
