package layers

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// SpliceRecorded is Splice for a caller that records something of the fragment. It calls note with the fragment, and stores what note
// returns under key, as SetRecord does. An error of note is returned as it is, and nothing is recorded then.
//
// The record has the fragment's facts, too, so that a wheel is two files in the store and not three: to create one costs the
// kernel about as much as inflating a small wheel. Record makes these facts known. A caller that never reads the record still
// gets them: the fragment is scanned then, as it is when facts are lost.
func (s *Store) SpliceRecorded(ctx context.Context, making MakeOptions, files []Deflated, key string, note func(Blob) ([]byte, error)) (Blob, error) {
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

// recordedFacts notes which records have facts of which blobs, of those that this run has read or written.
type recordedFacts struct {
	mu    sync.Mutex
	paths map[string]string // by digest
}

func (r *recordedFacts) add(digest, path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paths == nil {
		r.paths = map[string]string{}
	}
	r.paths[digest] = path
}

func (r *recordedFacts) path(digest string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths[digest]
}

// learn takes the facts that a record has. Those of other rules, or damaged ones, count as lost.
func (s *Store) learn(path string, raw []byte) {
	f, err := decodeAnyFacts(s.content.magic, raw)
	if err != nil {
		return
	}
	s.recordedFacts.add(f.Digest, path)
	s.memory.put(f)
	// The time of facts says when their blob was used. These have no file of their own, so the blob's time says it.
	blob := s.blobPath(f.Digest)
	if info, err := os.Lstat(blob); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > cachedir.NoteEvery {
		_ = s.dir.NoteUse(blob) // a blob that is gone is found missing when it is read
	}
}

// readFacts reads the facts of a blob from the disk.
func (s *Store) readFacts(digest string) (facts, error) {
	if path := s.recordedFacts.path(digest); path != "" {
		if raw, err := s.dir.ReadUsed(path, nil); err == nil {
			if r, err := decodeRecord(raw); err == nil {
				if f, err := decodeFacts(s.content.magic, r.facts, digest); err == nil {
					return f, nil
				}
			}
		}
	}
	raw, err := s.dir.ReadUsed(s.factsPath(digest), nil)
	if err != nil {
		return facts{}, err
	}
	return decodeFacts(s.content.magic, raw, digest)
}
