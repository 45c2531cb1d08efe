package layers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pyimg/pyimg/internal/versions"
)

// A record's file: magic, CRC-32C of what follows, the key, the data.
const recordMagic = versions.Record

// Record returns the note stored under key; fs.ErrNotExist if there is none, or none that is sound.
func (s *Store) Record(key string) ([]byte, error) {
	raw, err := s.dir.ReadUsed(s.recordPath(key))
	if err != nil {
		return nil, fmt.Errorf("looking for a note in the cache: %w", err)
	}
	named, data, err := decodeRecord(raw)
	if err != nil || named != key {
		return nil, fmt.Errorf("reading %q: the note is damaged: %w", s.recordPath(key), fs.ErrNotExist)
	}
	return data, nil
}

// decodeRecord reads a record's file; data is a part of raw.
func decodeRecord(raw []byte) (key string, data []byte, err error) {
	const head = len(recordMagic) + 4
	if len(raw) < head || string(raw[:len(recordMagic)]) != recordMagic ||
		binary.LittleEndian.Uint32(raw[len(recordMagic):]) != castagnoli(raw[head:]) {
		return "", nil, errFacts
	}
	n, width := binary.Uvarint(raw[head:])
	if rest := raw[head+max(width, 0):]; width > 0 && n <= uint64(len(rest)) {
		return string(rest[:n]), rest[n:], nil
	}
	return "", nil, errFacts
}

// SetRecord stores a note under key, in place of an earlier one.
func (s *Store) SetRecord(key string, data []byte) error {
	if len(data) > maxRecord {
		return fmt.Errorf("storing a note of %d bytes: the most is %d", len(data), maxRecord)
	}
	const head = len(recordMagic) + 4
	e := encoder(make([]byte, head, head+len(key)+len(data)+8))
	copy(e, recordMagic)
	e.text(key)
	e = append(e, data...)
	binary.LittleEndian.PutUint32(e[len(recordMagic):], castagnoli(e[head:]))
	return s.dir.Write(s.recordPath(key), e)
}

func (s *Store) recordPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir.Path, "records", hex.EncodeToString(sum[:]))
}
