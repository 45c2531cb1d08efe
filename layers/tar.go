package layers

import (
	"context"
	"fmt"
	"io"
)

// Tar calls do with a layer's tar, inflated. The bytes come from the store where the layer is there, else from src, which must
// name its digest; they are not stored. Tar fails, whatever do returns, where they are not those of the digest and the
// diff ID: only then is what do made of them good.
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
	if done != nil { // it may have stopped anywhere; whether the bytes are to blame shows at their end
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
		return &DigestError{Name: src.Name, Want: src.Digest, Got: b.Digest}
	}
	if b.DiffID != diffID {
		return &DigestError{Name: src.Name + ", inflated", Want: diffID, Got: b.DiffID}
	}
	return done
}
