package local

import (
	"time"

	"github.com/pyimg/pyimg/layers"
)

// racy is how old a file's last change must be before its digest is remembered. If a file changes twice within one tick
// of the file system's clock, its time does not show the second change.
const racy = 2 * time.Second

// Digest returns the digest of a local file, "sha256:<hex>". It calls read for it, and remembers the result together
// with the file's size, number and times of the last changes. While these stay the same, Digest does not read the file
// again.
func Digest(s *layers.Store, path string, read func() (string, error)) (string, error) {
	identity, changed := fileIdentity(path)
	if identity == "" {
		return read()
	}
	key := "file-digest\n" + path + "\n" + identity
	if known, err := s.Record(key); err == nil {
		return string(known), nil
	}
	settled := time.Since(changed) > racy
	digest, err := read()
	if now, _ := fileIdentity(path); err != nil || !settled || now != identity {
		return digest, err
	}
	return digest, s.SetRecord(key, []byte(digest))
}
