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
)

// A Store is a folder of blobs and what is known of them. Goroutines and processes may share it. Its files are written
// beside and renamed, and what it holds is checked when it is read: damage is noticed, removed and told.
//
//	DIR/v1/blobs/<hex>     a layer's compressed bytes, named by their SHA-256
//	DIR/v1/facts/<hex>     what is known of that blob, see facts.go
//	DIR/v1/records/<hex>   notes, named by the SHA-256 of their key
//	DIR/v1/folders/<hex>/  unpacked layers, see folder.go
//	DIR/v1/tmp/            being written
//	DIR/v1/running/, lock  who uses it, see package cachedir
//
// It belongs to one user: DIR/v1 is made with mode 0700.
type Store struct {
	tools
	flights flights
	memory  memory
	relied  relied
	sound   sound
	presses *semaphore.Weighted // see presses
	zstd    zstdEncoder         // of who has all of presses
	members sync.Pool
}

// OpenStore opens the store in dir and makes it where there is none. Of the files that keep names, the store keeps the content
// with the facts of their layers. Close it at the end; the end of the process will do.
func OpenStore(dir string, keep ...Keep) (*Store, error) {
	if dir == "" {
		return nil, errors.New("opening the cache: no folder is named; name one that can be written with --cache-dir")
	}
	rules, err := newKept(keep)
	if err != nil {
		return nil, err
	}
	s := &Store{tools: tools{kept: rules, dir: cachedir.Dir{Path: filepath.Join(dir, versions.Store)}}, presses: semaphore.NewWeighted(presses)}
	if err := s.dir.Prepare(); err != nil {
		return nil, fmt.Errorf("opening the cache %q: %w; name a folder that you can write with --cache-dir", dir, err)
	}
	return s, nil
}

// Blob describes the stored layer with this digest; fs.ErrNotExist if there is none. While the store is open, its bytes
// stay.
func (s *Store) Blob(digest string) (Blob, error) {
	s.relied.on(digest)
	r, err := s.local(digest, true)
	if err != nil {
		return Blob{}, err
	}
	return r.Blob, nil
}

// Faults tells why the bytes cannot be an OCI layer as they are; with none they can.
func (s *Store) Faults(digest string) ([]Fault, error) {
	r, err := s.local(digest, false)
	if err != nil {
		return nil, lost(digest, err)
	}
	return r.faults, nil
}

// Entries yields what the layer's tar holds, in its order. An error is the last that it yields.
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

// local is facts for callers without a context: nothing is fetched, and a scan of a stored blob ends by itself.
//
//nolint:contextcheck // and so its callers have none to pass
func (s *Store) local(digest string, whole bool) (*remembered, error) {
	return s.facts(context.Background(), digest, whole)
}

// facts returns what is known of a blob, which may be asked to be there as a whole. Where that is lost or of another
// version, the blob is scanned again.
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

// load reads the facts of a blob, which if whole is asked for must be there in its full length.
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

// recall returns the facts in memory, else those on the disk.
func (s *Store) recall(digest string) (*remembered, error) {
	if r := s.memory.get(digest); r != nil {
		return r, nil
	}
	raw, err := s.dir.ReadUsed(s.factsPath(digest))
	if err != nil {
		return nil, err
	}
	f, err := decodeFacts(s.kept.magic, raw, digest)
	if err != nil {
		return nil, err
	}
	return s.memory.put(f), nil
}

// checkSize gives fs.ErrNotExist for a blob that is not there in its full length.
func (s *Store) checkSize(b Blob) error {
	info, err := s.dir.Look(s.blobPath(b.Digest))
	if err == nil && info.Size() != b.Size {
		s.remove(b.Digest)
		err = fs.ErrNotExist
	}
	return err
}

// blobPath is where the blob lies; digest is well-formed, and so for factsPath.
func (s *Store) blobPath(digest string) string {
	return filepath.Join(s.dir.Path, "blobs", digest[len(digestPrefix):])
}

func (s *Store) factsPath(digest string) string {
	return filepath.Join(s.dir.Path, "facts", digest[len(digestPrefix):])
}

// remove removes a blob. What is known of it stays true of what has its digest.
func (s *Store) remove(digest string) {
	s.sound.set(digest, false)
	_ = os.Remove(s.blobPath(digest))
}

// keep stores a blob of which all is known, its bytes in f. The facts come last: what has facts is whole.
func (s *Store) keep(f *os.File, b Blob, scan *scanner) (Blob, error) {
	raw, err := encodeFacts(s.kept.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	if err := s.dir.Commit(f, s.blobPath(b.Digest)); err != nil {
		return Blob{}, err
	}
	s.sound.set(b.Digest, true)
	return b, s.dir.Write(s.factsPath(b.Digest), raw)
}

// flights let one goroutine at a time work on a key.
type flights struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// enter waits for its turn; leave gives it on.
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

// Close ends the store's use. What it stored stays; nothing may be asked of it any more.
func (s *Store) Close() error { return s.dir.Close() }
