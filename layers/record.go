package layers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"sync"
	"weak"

	"github.com/pyimg/pyimg/internal/versions"
)

// The file of a record: magic, CRC-32C of what follows, the key, the data.
const recordMagic = versions.Record

// Record returns the record stored under key. It returns fs.ErrNotExist if there is none or if it is damaged.
func (s *Store) Record(key string) ([]byte, error) {
	_, data, err := s.readRecord(key, nil)
	return data, err
}

// LendRecord is Record in memory of the store's. After giveBack the store may read another record into that memory: for the
// system a new page of memory costs more than the bytes on it. A caller may also keep the memory.
func (s *Store) LendRecord(key string) (data []byte, giveBack func(), err error) {
	room := s.rooms.take()
	raw, data, err := s.readRecord(key, room)
	if err != nil {
		s.rooms.put(room)
		return nil, nil, err
	}
	return data, func() { s.rooms.put(raw) }, nil
}

// rooms are memory of records that were given back, until the garbage collector takes it.
type rooms struct {
	mu   sync.Mutex
	free []weak.Pointer[[]byte]
}

func (r *rooms) put(room []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, weak.Make(&room))
}

// take returns memory, nil where there is none.
func (r *rooms) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.free) > 0 {
		room := r.free[len(r.free)-1].Value()
		r.free = r.free[:len(r.free)-1]
		if room != nil {
			return *room
		}
	}
	return nil
}

// readRecord reads a record into the memory of room if that is enough. data is a part of raw.
func (s *Store) readRecord(key string, room []byte) (raw, data []byte, err error) {
	if raw, err = s.dir.ReadUsed(s.recordPath(key), room); err != nil {
		return nil, nil, fmt.Errorf("looking for a record in the cache: %w", err)
	}
	named, data, err := decodeRecord(raw)
	if err != nil || named != key {
		return nil, nil, fmt.Errorf("reading %q: the record is damaged: %w", s.recordPath(key), fs.ErrNotExist)
	}
	return raw, data, nil
}

// decodeRecord reads the file of a record. data is a part of raw.
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

// SetRecord stores a record under key. It replaces an earlier one.
func (s *Store) SetRecord(key string, data []byte) error {
	if len(data) > maxRecord {
		return fmt.Errorf("storing a record of %d bytes: at most %d are possible", len(data), maxRecord)
	}
	const head = len(recordMagic) + 4
	e := encoder(make([]byte, head, head+len(key)+binary.MaxVarintLen64))
	copy(e, recordMagic)
	e.text(key)
	sum := crc32.Update(castagnoli(e[head:]), crc32.MakeTable(crc32.Castagnoli), data)
	binary.LittleEndian.PutUint32(e[len(recordMagic):], sum)
	return s.dir.Write(s.recordPath(key), e, data)
}

func (s *Store) recordPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir.Path, "records", hex.EncodeToString(sum[:]))
}
