package layers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/inflate"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// An input is a compressed tar that is read once. Its bytes are hashed twice, as they come and as they inflate:
//
//	source -> raw (SHA-256, file) -> inflater -> inflated (SHA-256, limits) -> tar
type input struct {
	tools     *tools
	raw       *rawReader
	inflated  *inflatedReader
	tar       *bufio.Reader
	mediaType string
	release   func()
}

type inputOptions struct {
	keep   io.Writer // gets a copy of the compressed bytes; may be nil
	plain  bool      // accepts a tar without compression
	noDiff bool      // does not hash the tar
	packed bool      // accepts compressions that tarballs have and layers may not
	source Source    // for errors, where its digest is known
}

// input starts to read r. If there is no error, the caller must call release at the end.
func (s *tools) input(ctx context.Context, r io.Reader, o inputOptions) (*input, error) {
	in := &input{tools: s, raw: &rawReader{ctx: ctx, r: r, hash: sha256.New(), keep: o.keep}}
	compressed := takeReader(&s.readers, in.raw, chunk)
	z, err := s.inflaters.Open(compressed)
	if errors.Is(err, compress.ErrPlain) && o.plain {
		z, err = compress.Reader{Reader: compressed, Release: func() {}}, nil
	}
	if err == nil && !o.packed && z.MediaType != "" && !compress.IsLayerType(z.MediaType) {
		z.Release()
		err = fmt.Errorf("it is %s: %w", strings.TrimPrefix(z.MediaType, "application/x-"), compress.ErrPlain)
	}
	if err != nil {
		giveReader(&s.readers, compressed)
		if other := in.otherDigest(o.source, err); other != nil {
			return nil, other
		}
		return nil, in.explain(&DamageError{err})
	}
	in.mediaType = z.MediaType
	in.inflated = &inflatedReader{r: z, raw: in.raw}
	if !o.noDiff {
		in.inflated.hash = sha256.New()
	}
	in.tar = takeReader(&s.plains, in.inflated, plainChunk)
	in.release = func() {
		z.Release()
		giveReader(&s.plains, in.tar)
		giveReader(&s.readers, compressed)
	}
	return in, nil
}

// A DamageError says that an archive is damaged, truncated, in a form that the store does not read, or larger than the
// limits.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode is exit.Unverified.
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

var errTrailing = errors.New("bytes that are not zero follow the end of the archive")

// finish reads from the end of the archive to the end of the bytes. Padding may be there, and both digests include it.
// Anything but zeros there is an error, so that nothing can hide behind the archive.
func (in *input) finish() error {
	for {
		b, err := in.tar.Peek(in.tar.Size())
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return &DamageError{errTrailing}
		}
		_, _ = in.tar.Discard(len(b)) // cannot fail: Peek has read them
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// blob describes the bytes. The input must be finished.
func (in *input) blob() Blob {
	return Blob{
		Digest: formatDigest(in.raw.hash.Sum(nil)), DiffID: formatDigest(in.inflated.hash.Sum(nil)),
		MediaType: in.mediaType, Size: in.raw.n, TarSize: in.inflated.n,
	}
}

// otherDigest reads the rest of a source that has a fault, to learn whether it has the requested digest. If not, that
// explains the fault, and otherDigest returns a *DigestError. It returns nil if the digest is right, or if reading or
// writing failed.
func (in *input) otherDigest(src Source, fault error) error {
	broken := in.raw.err != nil || in.raw.keepErr != nil
	if src.Digest == "" || broken {
		return nil
	}
	in.raw.keep = nil
	_, err := io.Copy(io.Discard, io.LimitReader(in.raw, maxTarSize))
	if got := formatDigest(in.raw.hash.Sum(nil)); err == nil && got != src.Digest {
		return wrongDigest(src, got, in.explain(fault))
	}
	return nil
}

// explain turns an error into one that names its cause: the source, or the place where the bytes are stored.
func (in *input) explain(err error) error {
	damaged := func(format string, args ...any) error { return &DamageError{fmt.Errorf(format, args...)} }
	switch {
	case err == nil:
		return nil
	case in.raw.keepErr != nil:
		return in.tools.dir.WriteError(in.raw.keepErr)
	case in.raw.err != nil:
		return in.raw.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("it is truncated, after %d bytes: %w", in.raw.n, err)
	case errors.Is(err, inflate.ErrChecksum), errors.Is(err, inflate.ErrDamaged):
		return damaged("its gzip stream is damaged: %w", err)
	case errors.Is(err, inflate.ErrHeader):
		return damaged("it is not gzip to its end: %w", err)
	case errors.Is(err, tar.ErrHeader):
		return damaged("it is not a valid tar archive: %w", err)
	}
	return err
}

// A rawReader hashes, counts and copies what it reads. It remembers the source's error, which readers above it may wrap
// or lose.
type rawReader struct {
	ctx     context.Context //nolint:containedctx // lives for one call; io.Reader has no other way to it
	r       io.Reader
	hash    hash.Hash
	keep    io.Writer
	n       int64
	err     error
	keepErr error
}

func (r *rawReader) Read(b []byte) (int, error) {
	if r.err = r.ctx.Err(); r.err != nil {
		return 0, r.err
	}
	n, err := r.r.Read(b)
	r.n += int64(n)
	r.hash.Write(b[:n])
	if r.keep != nil {
		if _, r.keepErr = r.keep.Write(b[:n]); r.keepErr != nil {
			return n, r.keepErr
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// An inflatedReader hashes and counts, and stops a stream that inflates too far.
type inflatedReader struct {
	r    io.Reader
	raw  *rawReader
	hash hash.Hash // nil: the tar is not hashed
	n    int64
}

func (r *inflatedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n += int64(n)
	if r.hash != nil {
		r.hash.Write(b[:n])
	}
	switch {
	case r.n > maxTarSize:
		err = fmt.Errorf("it inflates to more than %d bytes", int64(maxTarSize))
	case r.n > ratioFrom && r.n/maxRatio > r.raw.n:
		err = fmt.Errorf("it inflates from %d to %d bytes, more than %d-fold", r.raw.n, r.n, maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &DamageError{err} // so that explain does not blame the source
	}
	return n, err
}
