package layers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers/internal/cachedir"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// A Store is a folder of blobs and their facts. Goroutines and processes may share it. It writes a file under a
// temporary name and renames it. It checks what it reads: it removes damaged files and reports them.
//
//	DIR/v1/blobs/<hex>     a layer's compressed bytes, named by their SHA-256
//	DIR/v1/facts/<hex>     the facts of that blob, see facts.go
//	DIR/v1/records/<hex>   records, named by the SHA-256 of their key; those of fragments have the facts, too, see recordfacts.go
//	DIR/v1/folders/<hex>/  unpacked layers, see folder.go
//	DIR/v1/tmp/            files that are being written
//	DIR/v1/running/, lock  leases of runs, see package cachedir
//
// It belongs to one user: the mode of DIR/v1 is 0700.
type Store struct {
	tools
	flights flights
	memory  memory
	relied  relied
	sound   sound
	presses *semaphore.Weighted // see compress.Presses
	zstd    compress.Encoder    // belongs to the goroutine that has all of presses
	members sync.Pool
	plains  plains
	rooms   rooms

	recordedFacts recordedFacts
}

// OpenStore opens the store in dir, and makes it if there is none. The content rules name files whose content the store
// keeps with the facts of their layers. Close the store after use; it also ends with the process.
func OpenStore(dir string, content ...ContentRule) (*Store, error) {
	if dir == "" {
		return nil, errors.New("opening the cache: it has no folder; name one that you can write to with --cache-dir")
	}
	rules, err := newContentRules(content)
	if err != nil {
		return nil, err
	}
	s := &Store{tools: tools{content: rules, dir: cachedir.Dir{Path: filepath.Join(dir, versions.Store)}}, presses: semaphore.NewWeighted(compress.Presses)}
	if err := s.dir.Prepare(); err != nil {
		return nil, fmt.Errorf("opening the cache %q: %w; name a folder that you can write to with --cache-dir", dir, err)
	}
	return s, nil
}

// Blob describes the stored layer with this digest. It returns fs.ErrNotExist if there is none. The layer's bytes stay
// in the store while it is open.
func (s *Store) Blob(digest string) (Blob, error) {
	s.relied.on(digest)
	r, err := s.local(digest, true)
	if err != nil {
		return Blob{}, err
	}
	return r.Blob, nil
}

// Faults returns the reasons why the bytes cannot be an OCI layer as they are. If there are none, the bytes are a
// layer.
func (s *Store) Faults(digest string) ([]Fault, error) {
	r, err := s.local(digest, false)
	if err != nil {
		return nil, lost(digest, err)
	}
	return r.faults, nil
}

// Entries yields the members of the layer's tar, in their order. If there is an error, it is the last thing that
// Entries yields.
func (s *Store) Entries(digest string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r, err := s.local(digest, false)
		if err != nil {
			yield(Entry{}, lost(digest, err))
			return
		}
		r.each(yield)
	}
}

// local is facts for callers without a context. That is safe since it fetches nothing, and a scan of a stored blob ends
// by itself.
//
//nolint:contextcheck // and so its callers have none to pass
func (s *Store) local(digest string, whole bool) (*remembered, error) {
	return s.facts(context.Background(), digest, whole)
}

// facts returns the facts of a blob. If they are lost or of another version, it scans the blob again. If whole is set,
// the blob's bytes must be there, too.
func (s *Store) facts(ctx context.Context, digest string, whole bool) (*remembered, error) {
	r, err := s.load(digest, whole)
	if err == nil || !errors.Is(err, errFacts) && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if _, err := s.dir.Look(s.blobPath(digest)); err != nil {
		return nil, fmt.Errorf("looking for layer %q in the cache: %w", digest, err)
	}
	leave, err := s.flights.enter(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.known(ctx, digest, whole)
}

// known is facts for a caller that has entered the digest's flight.
func (s *Store) known(ctx context.Context, digest string, whole bool) (*remembered, error) {
	r, err := s.load(digest, whole)
	if errors.Is(err, errFacts) || errors.Is(err, fs.ErrNotExist) {
		return s.rescan(ctx, digest)
	}
	return r, err
}

// load reads the facts of a blob. If whole is set, the blob must be there in its full length.
func (s *Store) load(digest string, whole bool) (*remembered, error) {
	if _, err := digestHex(digest); err != nil {
		return nil, err
	}
	r, err := s.recall(digest)
	if err == nil && whole {
		err = s.checkSize(r.Blob)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for layer %q in the cache: %w", digest, err)
	}
	return r, nil
}

// recall returns the facts in memory, or reads them from the disk.
func (s *Store) recall(digest string) (*remembered, error) {
	if r := s.memory.get(digest); r != nil {
		return r, nil
	}
	f, err := s.readFacts(digest)
	if err != nil {
		return nil, err
	}
	return s.memory.put(f), nil
}

// checkSize returns fs.ErrNotExist if the blob is not there in its full length.
func (s *Store) checkSize(b Blob) error {
	info, err := s.dir.Look(s.blobPath(b.Digest))
	if err == nil && info.Size() != b.Size {
		s.remove(b.Digest)
		err = fs.ErrNotExist
	}
	return err
}

// blobPath is the path of the blob. Here and in factsPath, digest must be well-formed.
func (s *Store) blobPath(digest string) string {
	return filepath.Join(s.dir.Path, "blobs", digest[len(digestPrefix):])
}

func (s *Store) factsPath(digest string) string {
	return filepath.Join(s.dir.Path, "facts", digest[len(digestPrefix):])
}

// remove removes a blob and keeps its facts, which are true of any bytes with that digest.
func (s *Store) remove(digest string) {
	s.sound.set(digest, false)
	_ = os.Remove(s.blobPath(digest))
}

// commit stores the blob in f and its facts. It writes the facts last, since facts mean that the blob is whole.
func (s *Store) commit(f *os.File, b Blob, scan *scanner) (Blob, error) {
	return b, s.commitAnd(f, b, scan, s.writeFacts)
}

// commitAnd stores the blob in f, and calls keep with it and its facts.
func (s *Store) commitAnd(f *os.File, b Blob, scan *scanner, keep func(Blob, []byte) error) error {
	raw, err := encodeFacts(s.content.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		cachedir.Discard(f)
		return err
	}
	if err := s.dir.Commit(f, s.blobPath(b.Digest)); err != nil {
		return err
	}
	s.sound.set(b.Digest, true)
	return keep(b, raw)
}

func (s *Store) writeFacts(b Blob, raw []byte) error { return s.dir.Write(s.factsPath(b.Digest), raw) }

// flights let one goroutine at a time work on a key.
type flights struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// enter waits until no other goroutine works on key. leave lets the next one in.
func (f *flights) enter(ctx context.Context, key string) (leave func(), err error) {
	for {
		f.mu.Lock()
		other, taken := f.busy[key]
		if !taken {
			if f.busy == nil {
				f.busy = map[string]chan struct{}{}
			}
			done := make(chan struct{})
			f.busy[key] = done
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.busy, key)
				f.mu.Unlock()
				close(done)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Alone waits until no other goroutine that works with this store is alone with key. leave lets the next one in. Keys are the
// caller's own.
func (s *Store) Alone(ctx context.Context, key string) (leave func(), err error) {
	return s.flights.enter(ctx, "alone "+key)
}

// Close ends the use of the store. Stored files stay. Do not call other methods after it.
func (s *Store) Close() error {
	s.plains.close()
	return s.dir.Close()
}
