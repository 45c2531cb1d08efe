package layers

import (
	"archive/tar"
	"context"
	"errors"
	"os"
)

// Learn returns what Ingest would, but the bytes of src need not be stored any more, if what is in them is known: Faults
// and Entries will tell that. It is for who may not need the bytes themselves; RewriteSource then lets them go.
func (s *Store) Learn(ctx context.Context, src Source) (Blob, error) {
	return s.ingest(ctx, src, false)
}

// RewriteSource is Rewrite of the bytes of src alone, whose digest must be given. They are not stored in two forms: once
// the layer is stored they are let go, while what is known of them stays. Where the layer is stored, src is not opened.
//
// They stay as long as the store is open and was asked for them by Ingest, Blob or Open, or as another run uses the
// folder, which may rely on them. Then a later call lets them go.
//
// Where contents is not nil, files change inside, too; the recipe says that as well.
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

// release removes a blob and keeps what is known of it, unless other runs use the folder.
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
