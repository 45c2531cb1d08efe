package layers

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// A Deflated is a file whose content exists as a deflate stream, such as a member of a zip archive.
type Deflated struct {
	Name string // its path in the root, without a leading slash
	Mode int64  // permission bits
	Size int64  // of the content
	CRC  uint32 // CRC-32 (IEEE) of the content
	Data *io.SectionReader
	// Plain says that Data is the content itself. Otherwise Data is a raw deflate stream (RFC 1951) and nothing else.
	Plain bool
	// Also may be nil. Splice writes the content to it, too, in the same pass, and closes it after the content. Its errors are
	// Splice's.
	Also io.WriteCloser
}

// spliceFrom is the size from which a file's deflate stream ends a gzip member. Streams of smaller files share one with their
// neighbours: deflate looks back 32 KiB, so the header of the next file can refer to the one before, and takes some 45 bytes
// and not 150.
const spliceFrom = 31 << 10

// spliceTime is the time of spliced files: the earliest that a zip archive can hold, so that people can zip the files
// again.
func spliceTime() time.Time { return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC) }

// Splice stores a fragment, which Join makes a layer of. A fragment is a compressed tar of files, owned by 0:0, without
// folders and without an end mark. With gzip, the deflate stream of a file of 31 KiB or more ends a gzip member as it is (RFC
// 1952, 2.2: gzip members may follow each other), and those of smaller ones follow each other in one; only files without a
// stream are compressed. With zstd, all are.
//
// The files come in the given order, those of 31 KiB or more last. What files refer to need not be valid after Splice. Its bytes
// depend on the files, the options and the versions of Splice and the compressor. The Blob of a small fragment has no DiffID:
// nobody needs it.
//
// Splice calls note with the fragment, and stores what note returns under key, as SetRecord does. An error of note is returned
// as it is, and nothing is recorded then. The record has the fragment's facts, too, so that a wheel is two files in the store and
// not three: to create one costs the kernel about as much as inflating a small wheel. Record makes these facts known. A caller that
// never reads the record still gets them: the fragment is scanned then, as it is when facts are lost.
func (s *Store) Splice(ctx context.Context, making MakeOptions, files []Deflated, key string, note func(Blob) ([]byte, error)) (Blob, error) {
	var noteErr error
	b, err := s.spliceAnd(ctx, making, files, func(b Blob, facts []byte) error {
		var data []byte
		if data, noteErr = note(b); noteErr != nil {
			return noteErr
		}
		if err := s.setRecord(key, facts, data); err != nil {
			return err
		}
		s.recordedFacts.add(b.Digest, s.recordPath(key))
		return nil
	})
	if noteErr != nil {
		return Blob{}, noteErr
	}
	if err != nil {
		return Blob{}, fmt.Errorf("splicing files: %w", err)
	}
	return b, nil
}

// spliceAnd stores a fragment, and calls keep with its facts.
func (s *Store) spliceAnd(ctx context.Context, making MakeOptions, files []Deflated, keep func(Blob, []byte) error) (Blob, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, err
	}
	if len(files) == 0 {
		return Blob{}, errors.New("it has no files")
	}
	if err := s.presses.Acquire(ctx, o.Weight()); err != nil {
		return Blob{}, err
	}
	release := sync.OnceFunc(func() { s.presses.Release(o.Weight()) })
	defer release()
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	scan := newScanner(&s.tools)
	defer scan.elf.close()
	b, err := s.spliceTo(ctx, o, f, files, scan)
	if err == nil {
		release() // keep may take long, and compresses nothing
		err = s.commitAnd(f, b, scan, keep)
	}
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	s.memory.put(facts{Blob: b, count: scan.count, entries: string(scan.entries)}) // Join mostly follows at once
	return b, nil
}

// spliceTo writes a fragment to f, in one pass:
//
//	file -> scanner
//	     -> tar -> SHA-256 (diff ID; of large fragments only)
//	            -> its deflate stream, or a compressor -> SHA-256 (digest) -> f
func (s *Store) spliceTo(ctx context.Context, o compress.Options, f *os.File, files []Deflated, scan *scanner) (Blob, error) {
	out := &countedWriter{ctx: ctx, w: f, hash: sha256.New(), explain: s.dir.WriteError}
	plain := &countedWriter{ctx: ctx, w: io.Discard, hash: sha256.New()}
	kept := s.plains.begin(&s.dir, tarSize(files))
	if kept != nil {
		plain.w = kept
	}
	resumable := streamSize(files) >= resumeFrom
	if !resumable {
		plain.hash = unhashed{plain.hash}
	}
	if err := s.spliceFiles(o, out, plain, scan, files); err != nil {
		return Blob{}, err
	}
	if len(scan.faults) > 0 {
		return Blob{}, &MemberError{fmt.Errorf("the layer would have a fault: %s", scan.faults[0])}
	}
	b := Blob{Digest: formatDigest(out.hash.Sum(nil)), MediaType: o.MediaType(), Size: out.n, TarSize: plain.n}
	s.plains.keep(b.Digest, kept)
	if resumable {
		b.DiffID = formatDigest(plain.hash.Sum(nil))
		if err := s.recordState(b.Digest, plain.hash); err != nil {
			return Blob{}, err
		}
	}
	return b, nil
}

// streamSize is how many bytes the files take as they are given.
func streamSize(files []Deflated) int64 {
	size := int64(0)
	for _, d := range files {
		size += d.Data.Size()
	}
	return size
}

// tarSize is what the tar of files has at most.
func tarSize(files []Deflated) int64 {
	size := int64(0)
	for _, d := range files {
		const headers = 4 << 9 // one, and two for a long name with its records
		size += d.Size + headers + 4*int64(len(d.Name)) + 1<<9
	}
	return size
}

// spliceFiles writes the files: compressed to out, and as a tar to plain.
func (s *Store) spliceFiles(o compress.Options, out, plain io.Writer, scan *scanner, files []Deflated) error {
	packed, tar := takeWriter(&s.packedWriters, out, chunk), takeWriter(&s.plainWriters, plain, plainChunk)
	defer giveWriter(&s.packedWriters, packed)
	defer giveWriter(&s.plainWriters, tar)
	w := &splicer{tar: tar, scan: scan}
	if err := w.compressWith(s, o, packed); err != nil {
		return err
	}
	defer w.giveBack(s)
	err := w.write(files)
	if w.file != nil {
		_ = w.file.abort(err) // that is err, or follows from it
	}
	if err == nil {
		err = errors.Join(tar.Flush(), packed.Flush())
	}
	if err != nil && o.Compression == "zstd" {
		_ = w.zstd.Close() // ends its goroutines; what it wrote is thrown away
		s.zstd.Forget()
	}
	return err
}

// resumeFrom is the size of a fragment's streams from which its state is recorded. Inflating a smaller one takes less than writing a
// file; Join hashes its tar anyway, as a part of a layer's, so Splice does not.
const resumeFrom = 512 << 10

// stateKey is the key of the record that holds the state of the diff ID's hash after a fragment. If a layer begins with
// the fragment, its hash goes on from that state, and the fragment need not be inflated again.
func stateKey(digest string) string { return "state of the diff ID of " + digest }

func (s *Store) recordState(digest string, h any) error {
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary() // all hashes of crypto are one
	if err != nil {
		return err
	}
	return s.SetRecord(stateKey(digest), state)
}
