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

// The file of a record: magic, CRC-32C of what follows, the key, the data. With the other magic the facts of a blob are between key and
// data, as a file of facts has them.
const (
	recordMagic = versions.Record
	factedMagic = versions.Facted
	recordHead  = len(recordMagic) + 4
)

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
	return data, sync.OnceFunc(func() { s.rooms.put(raw) }), nil
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

// take returns memory that was given back, or nil if the garbage collector has taken all of it.
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
	path := s.recordPath(key)
	if raw, err = s.dir.ReadUsed(path, room); err != nil {
		return nil, nil, fmt.Errorf("looking for a record in the cache: %w", err)
	}
	r, err := decodeRecord(raw)
	if err != nil || r.key != key {
		return nil, nil, fmt.Errorf("reading %q: the record is damaged: %w", path, fs.ErrNotExist)
	}
	if r.facts != nil {
		s.learn(path, r.facts)
	}
	return raw, r.data, nil
}

// A record is what its file has. facts is nil where it has none.
type record struct {
	key         string
	facts, data []byte
}

// decodeRecord reads the file of a record. Its facts and data are parts of raw.
func decodeRecord(raw []byte) (r record, err error) {
	if len(raw) < recordHead {
		return record{}, errFacts
	}
	magic, rest := string(raw[:len(recordMagic)]), raw[recordHead:]
	if magic != recordMagic && magic != factedMagic || binary.LittleEndian.Uint32(raw[len(recordMagic):]) != castagnoli(rest) {
		return record{}, errFacts
	}
	key, rest, ok := cutText(rest)
	if ok && magic == factedMagic {
		r.facts, rest, ok = cutText(rest)
	}
	if !ok {
		return record{}, errFacts
	}
	r.key, r.data = string(key), rest
	return r, nil
}

// cutText takes what encoder.text wrote from the front of b.
func cutText(b []byte) (text, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)-width) {
		return nil, nil, false
	}
	end := width + int(n)
	return b[width:end:end], b[end:], true
}

// SetRecord stores a record under key. It replaces an earlier one.
func (s *Store) SetRecord(key string, data []byte) error { return s.setRecord(key, nil, data) }

// setRecord stores a record with the facts of a blob, unless these are nil.
func (s *Store) setRecord(key string, facts, data []byte) error {
	if len(data) > maxRecord {
		return fmt.Errorf("storing a record of %d bytes: at most %d are possible", len(data), maxRecord)
	}
	e := encoder(make([]byte, recordHead, recordHead+len(key)+len(facts)+2*binary.MaxVarintLen64))
	copy(e, recordMagic)
	e.text(key)
	if facts != nil {
		copy(e, factedMagic)
		e.uint(uint64(len(facts)))
		e = append(e, facts...)
	}
	sum := crc32.Update(castagnoli(e[recordHead:]), crc32.MakeTable(crc32.Castagnoli), data)
	binary.LittleEndian.PutUint32(e[len(recordMagic):], sum)
	return s.dir.Write(s.recordPath(key), e, data)
}

func (s *Store) recordPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir.Path, "records", hex.EncodeToString(sum[:]))
}
