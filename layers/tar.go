package layers

import (
	"context"
	"fmt"
	"io"
)

// Tar calls do with a layer's inflated tar. It reads the layer from the store, or from src if the store does not have
// it, and stores nothing. The digest of src must be given.
//
// Tar checks the digest and the diff ID at the end. If one is wrong, it returns an error, whatever do returned. The
// caller must not use the results of do then.
func (s *Store) Tar(ctx context.Context, src Source, diffID string, do func(io.Reader) error) error {
	r, err := s.Open(src.Digest)
	if err != nil {
		r, err = src.Open(ctx)
	}
	if err != nil {
		return fmt.Errorf("opening %q: %w", src.Name, err)
	}
	defer r.Close()
	in, err := s.input(ctx, r, inputOptions{plain: true, source: src})
	if err != nil {
		return fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer in.release()
	done := do(in.tar)
	finish := in.finish
	if done != nil { // do may have stopped anywhere: read to the end to see whether the bytes are to blame
		finish = func() error { _, err := io.Copy(io.Discard, in.tar); return err }
	}
	if err := finish(); err != nil {
		if other := in.otherDigest(src, err); other != nil {
			return other
		}
		return fmt.Errorf("reading %q: %w", src.Name, in.explain(err))
	}
	b := in.blob()
	if b.Digest != src.Digest {
		return wrongDigest(src, b.Digest, nil)
	}
	if b.DiffID != diffID {
		return wrongDigest(Source{Name: src.Name + ", inflated", Digest: diffID}, b.DiffID, nil)
	}
	return done
}
