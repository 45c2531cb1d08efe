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

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/exit"
)

// An input is a compressed tar that is read once: hashed as it comes, and again as it inflates.
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
	keep   io.Writer // where the compressed bytes go, too; may be nil
	plain  bool      // a tar without compression will do
	noDiff bool      // the digest of the tar is not wanted
	packed bool      // a compression that no layer has will do
	source Source    // for errors, where its digest is known
}

// input starts to read r; release must be called at the end where there was no error.
func (s *tools) input(ctx context.Context, r io.Reader, o inputOptions) (*input, error) {
	in := &input{tools: s, raw: &rawReader{ctx: ctx, r: r, hash: sha256.New(), keep: o.keep}}
	compressed := takeReader(&s.readers, in.raw, chunk)
	z, err := s.inflate(compressed)
	if errors.Is(err, errPlain) && o.plain {
		z, err = inflater{Reader: compressed, release: func() {}}, nil
	}
	if err == nil && !o.packed && z.mediaType != "" && !isLayerType(z.mediaType) {
		z.release()
		err = fmt.Errorf("it is %s: %w", strings.TrimPrefix(z.mediaType, "application/x-"), errPlain)
	}
	if err != nil {
		giveReader(&s.readers, compressed)
		if other := in.otherDigest(o.source, err); other != nil {
			return nil, other
		}
		return nil, in.explain(&DamageError{err})
	}
	in.mediaType = z.mediaType
	in.inflated = &inflatedReader{r: z, raw: in.raw}
	if !o.noDiff {
		in.inflated.hash = sha256.New()
	}
	in.tar = takeReader(&s.plains, in.inflated, plainChunk)
	in.release = func() {
		z.release()
		giveReader(&s.plains, in.tar)
		giveReader(&s.readers, compressed)
	}
	return in, nil
}

// A DamageError says that an archive is damaged, truncated, of a form that is not read, or larger than any is meant to be.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode is that of a failed verification.
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

var errTrailing = errors.New("bytes that are not zero follow the end of the archive")

// finish reads on from the end of the archive to the end of the bytes. Padding may stand there, and belongs to both
// digests. It must not be a hiding place.
func (in *input) finish() error {
	for {
		b, err := in.tar.Peek(in.tar.Size())
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return &DamageError{errTrailing}
		}
		_, _ = in.tar.Discard(len(b)) // they are there
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// blob describes what was read; the input is finished.
func (in *input) blob() Blob {
	return Blob{
		Digest: formatDigest(in.raw.hash.Sum(nil)), DiffID: formatDigest(in.inflated.hash.Sum(nil)),
		MediaType: in.mediaType, Size: in.raw.n, TarSize: in.inflated.n,
	}
}

// otherDigest reads what is left of a source with a fault, to tell whether its bytes are those that were asked for at all:
// if not, that explains the fault. nil where they are, or where reading or keeping them failed.
func (in *input) otherDigest(src Source, fault error) error {
	broken := in.raw.err != nil || in.raw.keepErr != nil
	if src.Digest == "" || broken {
		return nil
	}
	in.raw.keep = nil
	_, err := io.Copy(io.Discard, io.LimitReader(in.raw, maxTarSize))
	if got := formatDigest(in.raw.hash.Sum(nil)); err == nil && got != src.Digest {
		return &DigestError{Name: src.Name, Want: src.Digest, Got: got, Fault: in.explain(fault)}
	}
	return nil
}

// explain says what is wrong with the source, or with where it is kept.
func (in *input) explain(err error) error {
	var corrupt flate.CorruptInputError
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
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return damaged("its gzip stream is damaged: %w", err)
	case errors.Is(err, gzip.ErrHeader):
		return damaged("it is not gzip to its end: %w", err)
	case errors.Is(err, tar.ErrHeader):
		return damaged("it holds no sound tar archive: %w", err)
	}
	return err
}

// A rawReader hashes, counts and keeps what it reads. It holds the source's error, which readers above it may wrap or
// lose.
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

// An inflatedReader hashes and counts, and stops what inflates without end.
type inflatedReader struct {
	r    io.Reader
	raw  *rawReader
	hash hash.Hash // nil where it is not wanted
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
		err = &DamageError{err} // explain tells it from what is wrong with the source
	}
	return n, err
}
