package layers

import (
	"os"
	"sync"
	"time"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

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
