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
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// Ingest stores the bytes of src, a tar compressed with gzip or zstd, as they are, in one pass. If src.Digest is known
// and stored, Ingest returns at once and does not open src.
//
// Ingest refuses bytes of another digest (*DigestError), damaged or truncated bytes (*DamageError), and archives with
// members that no layer may have (*MemberError). It stores nothing then. If the bytes only cannot be a layer as they
// are, Ingest stores them, and Faults lists the reasons.
//
// The bytes stay in the store while it is open.
func (s *Store) Ingest(ctx context.Context, src Source) (Blob, error) {
	s.relied.on(src.Digest)
	b, err := s.ingest(ctx, src, true)
	if err == nil {
		s.relied.on(b.Digest)
	}
	return b, err
}

// ingest stores the bytes of src, unless they are stored already. If whole is false, known facts are enough.
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
	b, scan, err := s.scanSource(ctx, src, r, scanOptions{keep: f})
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	return s.commit(f, b, scan)
}

type scanOptions struct {
	keep    io.Writer // gets a copy of the bytes; may be nil
	foreign bool      // see scanner; accepts a tar without compression, too
}

// scanSource reads a tar to its end and collects its facts.
func (s *Store) scanSource(ctx context.Context, src Source, r io.Reader, o scanOptions) (Blob, *scanner, error) {
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
		return Blob{}, nil, wrongDigest(src, b.Digest, nil)
	}
	if b.TarSize%512 != 0 { // tar(5): an archive is a series of 512-byte records
		scan.fault(FaultPadding, "", "")
	}
	if !compress.IsLayerType(b.MediaType) && !o.foreign {
		scan.fault(FaultCompression, "", strings.TrimPrefix(b.MediaType, "application/x-"))
	}
	return b, scan, nil
}

// rescan makes the facts of a stored blob again. It removes a blob whose bytes do not have its digest, and returns
// fs.ErrNotExist then, as for a blob that is missing.
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
	b, scan, err := s.scanSource(ctx, Source{Name: path, Digest: digest, Tarball: true}, f, scanOptions{})
	if err != nil {
		s.sound.set(digest, false)
		if damage := s.ensure(digest); damage != nil && ctx.Err() == nil {
			return nil, damage
		}
		return nil, err
	}
	s.sound.set(digest, true)
	raw, err := encodeFacts(s.content.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		return nil, err
	}
	if err := s.dir.Write(s.factsPath(digest), raw); err != nil {
		return nil, err
	}
	facts, err := decodeFacts(s.content.magic, raw, digest)
	if err != nil {
		return nil, err
	}
	return s.memory.put(facts), nil
}

// Open opens a stored blob's compressed bytes. It returns fs.ErrNotExist if there are none.
//
// The first time that this store opens a blob, it hashes the bytes before it returns them. It removes damaged bytes and
// returns a *LostError. The reader checks the bytes again as the caller reads them. The reader has a method File()
// *os.File, which checks nothing.
func (s *Store) Open(digest string) (io.ReadCloser, error) {
	s.relied.on(digest)
	return s.open(digest)
}

// Stream is Open for a caller that can begin anew: the bytes are hashed only while they are read. At the end of damaged
// bytes the reader removes them from the store and returns a *LostError.
func (s *Store) Stream(digest string) (io.ReadCloser, error) {
	s.relied.on(digest)
	return s.stream(digest)
}

// open is Open without the promise that the bytes stay, for the store's own reading.
func (s *Store) open(digest string) (io.ReadCloser, error) {
	if _, err := digestHex(digest); err != nil {
		return nil, err
	}
	if err := s.ensure(digest); err != nil {
		return nil, fmt.Errorf("opening layer %q in the cache: %w", digest, err)
	}
	return s.stream(digest)
}

func (s *Store) stream(digest string) (io.ReadCloser, error) {
	if _, err := digestHex(digest); err != nil {
		return nil, err
	}
	f, err := s.dir.OpenFile(s.blobPath(digest))
	if err != nil {
		return nil, fmt.Errorf("opening layer %q in the cache: %w", digest, err)
	}
	return &checkedReader{store: s, digest: digest, file: f, hash: sha256.New()}, nil
}

// A checkedReader hashes a file while the caller reads it. Only File goes around the check.
type checkedReader struct {
	store  *Store
	digest string
	file   *os.File
	hash   hash.Hash
}

func (r *checkedReader) Close() error { return r.file.Close() }

// File returns the blob's file, for a caller that lets the system copy it and checks the copy. It stays open until the
// reader is closed.
func (r *checkedReader) File() *os.File { return r.file }

// SHA256 returns the digest of the bytes that were read so far, so that who checks them, too, need not hash them.
func (r *checkedReader) SHA256() string { return formatDigest(r.hash.Sum(nil)) }

func (r *checkedReader) Read(b []byte) (int, error) {
	n, err := r.file.Read(b)
	r.hash.Write(b[:n])
	if err != io.EOF {
		return n, err
	}
	if r.SHA256() != r.digest {
		return n, fmt.Errorf("reading a layer: %w", r.store.damaged(r.file, r.digest))
	}
	r.store.sound.set(r.digest, true)
	return n, err
}
