package layers

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/pyimg/pyimg/internal/exit"
)

// A LostError says that a stored layer is damaged or gone. The store has removed it, and the caller can store it again.
// It wraps fs.ErrNotExist.
type LostError struct {
	Digest string
	Why    string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("layer %q is not whole in the cache: %s; run pyimg again to fetch or make it again", e.Digest, e.Why)
}

func (e *LostError) Unwrap() error { return fs.ErrNotExist }

// ExitCode is that of damage.
func (e *LostError) ExitCode() exit.Code { return exit.Unverified }

// lost turns fs.ErrNotExist into a *LostError that names the layer.
func lost(digest string, err error) error {
	var known *LostError
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &known) {
		return err
	}
	return &LostError{digest, err.Error()}
}

// sound notes which blobs a store has hashed, so that it hashes each once.
type sound struct {
	mu    sync.Mutex
	blobs map[string]bool
}

func (s *sound) has(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blobs[digest]
}

func (s *sound) set(digest string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		s.blobs = map[string]bool{}
	}
	s.blobs[digest] = is
}

// ensure hashes a blob before its bytes go anywhere, unless this store has done so already. It removes damaged bytes
// and returns a *LostError then.
func (s *Store) ensure(digest string) error {
	if s.sound.has(digest) {
		return nil
	}
	f, err := s.dir.OpenFile(s.blobPath(digest))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	buf := s.takeBuffer()
	defer s.giveBuffer(buf)
	if _, err := io.CopyBuffer(onlyWriter{h}, onlyReader{f}, *buf); err != nil {
		return fmt.Errorf("reading %q: %w", f.Name(), err)
	}
	if formatDigest(h.Sum(nil)) != digest {
		return s.damaged(f, digest)
	}
	s.sound.set(digest, true)
	return nil
}

// damaged removes the blob in f, unless another process has put a new one in its place.
func (s *Store) damaged(f *os.File, digest string) error {
	mine, err1 := f.Stat()
	there, err2 := os.Lstat(f.Name())
	if err1 == nil && err2 == nil && os.SameFile(mine, there) {
		s.remove(digest)
	}
	return &LostError{digest, fmt.Sprintf("the bytes of %q have changed since they were stored", f.Name())}
}
