package layers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// Ingest stores the bytes of src, a gzip or zstd compressed tar, as they are, in one pass. Where the digest is known and
// stored, it returns at once and does not open src.
//
// Refused, with nothing kept, are bytes of another digest (*DigestError), damaged or truncated ones, and archives that
// hold what no layer may hold (see the package). What only keeps the bytes from being a layer as they are is listed by
// Faults.
//
// While the store is open, the bytes stay.
func (s *Store) Ingest(ctx context.Context, src Source) (Blob, error) {
	s.relied.on(src.Digest)
	b, err := s.ingest(ctx, src, true)
	if err == nil {
		s.relied.on(b.Digest)
	}
	return b, err
}

// ingest stores the bytes of src, unless they are stored already or, where they need not be whole, known.
func (s *Store) ingest(ctx context.Context, src Source, whole bool) (Blob, error) {
	if src.Digest == "" {
		return s.fetch(ctx, src)
	}
	leave, err := s.flights.enter(ctx, src.Digest)
	if err != nil {
		return Blob{}, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer leave()
	r, err := s.known(ctx, src.Digest, whole)
	if errors.Is(err, fs.ErrNotExist) {
		return s.fetch(ctx, src)
	}
	if err != nil {
		return Blob{}, err
	}
	return r.Blob, nil
}

func (s *Store) fetch(ctx context.Context, src Source) (Blob, error) {
	r, err := src.Open(ctx)
	if err != nil {
		return Blob{}, fmt.Errorf("opening %q: %w", src.Name, err)
	}
	defer r.Close()
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	b, scan, err := s.learn(ctx, src, r, learnOptions{keep: f})
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	return s.keep(f, b, scan)
}

type learnOptions struct {
	keep    io.Writer // where the bytes go, too; may be nil
	foreign bool      // see scanner; a tar without compression will do
}

// learn reads a tar to its end and learns all that is kept beside it.
func (s *Store) learn(ctx context.Context, src Source, r io.Reader, o learnOptions) (Blob, *scanner, error) {
	in, err := s.input(ctx, r, inputOptions{keep: o.keep, plain: o.foreign, packed: src.Tarball, source: src})
	if other := (*DigestError)(nil); errors.As(err, &other) {
		return Blob{}, nil, err
	}
	if err != nil {
		return Blob{}, nil, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer in.release()
	scan := newScanner(&s.tools)
	scan.foreign = o.foreign
	err = scan.scan(in.tar)
	if err == nil {
		err = in.finish()
	}
	if err != nil {
		if other := in.otherDigest(src, err); other != nil {
			return Blob{}, nil, other
		}
		return Blob{}, nil, fmt.Errorf("reading %q: %w", src.Name, in.explain(err))
	}
	b := in.blob()
	if src.Digest != "" && src.Digest != b.Digest {
		return Blob{}, nil, &DigestError{Name: src.Name, Want: src.Digest, Got: b.Digest}
	}
	if b.TarSize%512 != 0 { // tar(5): an archive is a series of 512-byte records
		scan.fault(FaultPadding, "", "")
	}
	if !isLayerType(b.MediaType) && !o.foreign {
		scan.fault(FaultCompression, "", strings.TrimPrefix(b.MediaType, "application/x-"))
	}
	return b, scan, nil
}

// rescan learns the facts of a stored blob anew. A blob that is not what its name says is removed; fs.ErrNotExist then,
// as where there is none.
func (s *Store) rescan(ctx context.Context, digest string) (*remembered, error) {
	path := s.blobPath(digest)
	f, err := s.dir.OpenFile(path)
	if err == nil {
		defer f.Close()
		err = s.dir.NoteUse(path)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for layer %q in the cache: %w", digest, err)
	}
	b, scan, err := s.learn(ctx, Source{Name: path, Digest: digest, Tarball: true}, f, learnOptions{})
	if err != nil {
		s.sound.set(digest, false)
		if damage := s.ensure(digest); damage != nil && ctx.Err() == nil {
			return nil, damage
		}
		return nil, err
	}
	s.sound.set(digest, true)
	raw, err := encodeFacts(s.kept.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		return nil, err
	}
	if err := s.dir.Write(s.factsPath(digest), raw); err != nil {
		return nil, err
	}
	facts, err := decodeFacts(s.kept.magic, raw, digest)
	if err != nil {
		return nil, err
	}
	return s.memory.put(facts), nil
}

// Open opens a stored blob's compressed bytes; fs.ErrNotExist if there is none. Bytes that this store has not seen yet are
// hashed before: damaged ones are removed, and a *LostError. The reader checks them again as it goes. It has a method File() *os.File, which
// checks nothing.
func (s *Store) Open(digest string) (io.ReadCloser, error) {
	s.relied.on(digest)
	return s.open(digest)
}

// open is Open for the store's own reading.
func (s *Store) open(digest string) (io.ReadCloser, error) {
	if _, err := digestHex(digest); err != nil {
		return nil, err
	}
	err := s.ensure(digest)
	var f *os.File
	if err == nil {
		f, err = s.dir.OpenFile(s.blobPath(digest))
	}
	if err != nil {
		return nil, fmt.Errorf("opening layer %q in the cache: %w", digest, err)
	}
	return &checkedReader{store: s, digest: digest, file: f, hash: sha256.New()}, nil
}

// A checkedReader hashes a file as it is read. Its only other way of being read is File.
type checkedReader struct {
	store  *Store
	digest string
	file   *os.File
	hash   hash.Hash
}

func (r *checkedReader) Close() error { return r.file.Close() }

// File is the blob's file, for who has the system copy it, and checks the copy. It is open until the reader is closed.
func (r *checkedReader) File() *os.File { return r.file }

func (r *checkedReader) Read(b []byte) (int, error) {
	n, err := r.file.Read(b)
	r.hash.Write(b[:n])
	if err == io.EOF && formatDigest(r.hash.Sum(nil)) != r.digest {
		return n, fmt.Errorf("reading a layer: %w", r.store.damaged(r.file, r.digest))
	}
	return n, err
}
