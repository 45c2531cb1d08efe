package local

import (
	"time"

	"github.com/pyimg/pyimg/layers"
)

// racy is how old a file's last change must be for its digest to be remembered: within the grain of the clock that
// stamps files, a second change leaves no mark.
const racy = 2 * time.Second

// Digest returns the digest of a local file, "sha256:<hex>", from read. It is remembered with what the system says of
// the file (its size, number and the times of its last changes), and the file is not read again while that stays.
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
