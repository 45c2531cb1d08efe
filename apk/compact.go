package apk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/pyimg/pyimg/apk/internal/table"
	"github.com/pyimg/pyimg/internal/versions"
)

// The compact form of an index, as a Cache stores it: magic, CRC-32C of what follows, the head, the architecture, the
// description, and the table. The magic has a version, and the table names its details. LoadIndex ignores a form of another
// version or with other details, and makes it again. So a new field needs no new version; another layout does.
const (
	compactMagic = versions.Index
	compactStart = len(compactMagic) + 4
	compactHead  = 2*sha256.Size + 8 + 2*4
)

// compactIndex is an index and what is known of its file.
type compactIndex struct {
	*Index
	signer [sha256.Size]byte // fingerprint of the one key that signed it; zero without a keyring
	made   int64             // when the index was made, as it says itself: seconds since 1970
}

var errCompact = errors.New("the compact form of the index is damaged, of another version, or of another index")

func (x compactIndex) encode() []byte {
	b := make([]byte, compactStart, compactStart+compactHead+len(x.Arch)+len(x.Description)+x.table.Size())
	copy(b, compactMagic)
	b = append(append(b, x.source[:]...), x.signer[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(x.made))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.Arch)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.Description)))
	b = append(append(b, x.Arch...), x.Description...)
	b = x.table.Append(b)
	binary.LittleEndian.PutUint32(b[len(compactMagic):], checksumOf(b[compactStart:]))
	return b
}

func checksumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// decodeCompact reads a compact form. The index goes on using parts of b. Even for damaged input, the index can be used
// without a panic.
func decodeCompact(b []byte) (compactIndex, error) {
	if len(b) < compactStart+compactHead || !bytes.HasPrefix(b, []byte(compactMagic)) ||
		binary.LittleEndian.Uint32(b[len(compactMagic):]) != checksumOf(b[compactStart:]) {
		return compactIndex{}, errCompact
	}
	head, rest := b[compactStart:compactStart+compactHead], b[compactStart+compactHead:]
	x := compactIndex{Index: new(Index)}
	copy(x.source[:], head)
	copy(x.signer[:], head[sha256.Size:])
	numbers := head[2*sha256.Size:]
	x.made = int64(binary.LittleEndian.Uint64(numbers))
	arch := uint64(binary.LittleEndian.Uint32(numbers[8:]))
	text := arch + uint64(binary.LittleEndian.Uint32(numbers[12:]))
	if text > uint64(len(rest)) {
		return compactIndex{}, errCompact
	}
	x.Arch, x.Description = string(rest[:arch]), string(rest[arch:text])
	var err error
	if x.table, err = table.Decode(rest[text:], detailForm()); err != nil {
		return compactIndex{}, errCompact
	}
	return x, nil
}
