package apk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/redact"
)

// Cache stores records by key from one run to the next. It only saves time: if a record is lost, damaged or cannot be
// stored, FetchIndex reads the index again.
//
// FetchIndex stores two kinds. For each address, it stores the validator that the server gave for the file, and the
// file's SHA-256. For each index, it stores the compact form by that SHA-256 and the architecture.
type Cache interface {
	Record(key string) ([]byte, error)
	SetRecord(key string, data []byte) error
}

// A Lender is a Cache that lends the memory of a record. After giveBack it may use the memory for another record. So a run
// that uses the indexes of many architectures one after the other needs the memory of one.
type Lender interface {
	LendRecord(key string) (data []byte, giveBack func(), err error)
}

// ConditionalOpener is an Opener that can skip a file which has not changed. validator comes from an earlier answer. If
// the file is still the same, OpenIf returns a nil r.
type ConditionalOpener interface {
	OpenIf(ctx context.Context, url, validator string) (r io.ReadCloser, newValidator string, err error)
}

// A sighting is what the cache knows of the index at one address.
type sighting struct {
	Validator string `json:"validator,omitempty"` // the server's name for the file, such as an ETag
	Source    []byte `json:"source,omitempty"`    // its SHA-256
	Newest    int64  `json:"newest,omitempty"`    // when the newest trusted index of this address was made, in seconds since 1970
}

// maxSighting bounds a sighting in bytes; a validator has some 50.
const maxSighting = 4 << 10

func sightingKey(address string) string {
	address = redact.URL(address)
	if !strings.Contains(address, "://") {
		if absolute, err := filepath.Abs(address); err == nil {
			address = absolute
		}
	}
	// The key has a hash, since a URL may contain a token.
	return fmt.Sprintf("apk-index-at-%x", sha256.Sum256([]byte(address)))
}

func (o IndexOptions) sighting(address string) (s sighting) {
	data, err := o.Cache.Record(sightingKey(address))
	if err != nil || len(data) > maxSighting || json.Unmarshal(data, &s) != nil {
		return sighting{}
	}
	return s
}

func compactKey(source []byte, arch string) string {
	return fmt.Sprintf("apk-index-%x-%s", source, arch)
}

// cached returns the compact form of an index from the cache. With a keyring it returns the index only if the key that
// signed it is trusted now.
func (o IndexOptions) cached(ctx context.Context, source []byte) (compactIndex, bool) {
	data, giveBack, err := o.lend(compactKey(source, o.Arch))
	if err != nil {
		return compactIndex{}, false
	}
	x, err := decodeCompact(data)
	if err != nil || !bytes.Equal(x.source[:], source) || x.Arch != o.Arch ||
		o.Keyring != nil && !o.Keyring.trusts(ctx, x.signer, o.Arch) {
		giveBack()
		return compactIndex{}, false
	}
	x.Repository, x.giveBack = o.Repository, giveBack
	return x, true
}

// lend returns a record, in memory that can be given back where the cache lends it.
func (o IndexOptions) lend(key string) (data []byte, giveBack func(), err error) {
	if l, ok := o.Cache.(Lender); ok {
		return l.LendRecord(key)
	}
	data, err = o.Cache.Record(key)
	return data, func() {}, err
}

func openIf(ctx context.Context, src Opener, address, validator string) (io.ReadCloser, string, error) {
	if c, ok := src.(ConditionalOpener); ok {
		return c.OpenIf(ctx, address, validator)
	}
	r, err := src.Open(ctx, address)
	return r, "", err
}

// readAll reads an index, up to one byte more than it may have.
func readAll(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	if sized, ok := r.(interface{ Size() int64 }); ok {
		b.Grow(int(min(max(sized.Size(), 0), maxIndexRaw)) + bytes.MinRead) // with room to see the end
	}
	_, err := b.ReadFrom(io.LimitReader(r, maxIndexRaw+1))
	return b.Bytes(), err
}

func (o IndexOptions) withoutKeyring() IndexOptions {
	o.Keyring = nil
	return o
}

// A brokenReader returns the error that ended the reading, or io.EOF.
type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

// note stores what was found at an address. It removes the compact form of the file that was there before: that is as
// large as the file itself, and a repository changes daily.
func (o IndexOptions) note(address string, before sighting, x compactIndex, validator string) sighting {
	after := sighting{Validator: validator, Source: bytes.Clone(x.source[:]), Newest: before.Newest} // x need not stay in memory
	if o.Keyring != nil {
		after.Newest = max(after.Newest, x.made)
	}
	if len(before.Source) > 0 && !bytes.Equal(before.Source, after.Source) {
		_ = o.Cache.SetRecord(compactKey(before.Source, o.Arch), nil)
	}
	if bytes.Equal(before.Source, after.Source) && before.Validator == after.Validator && before.Newest == after.Newest {
		return after
	}
	data, err := json.Marshal(after)
	if err == nil {
		_ = o.Cache.SetRecord(sightingKey(address), data)
	}
	return after
}

// compareAge adds a note if the index is older than one that was seen on this mirror, or on another mirror of the
// repository. That is not an error: a mirror may lag.
func (o IndexOptions) compareAge(x compactIndex, here sighting, address string) {
	newest := here.Newest
	for _, mirror := range o.Repository.Mirrors {
		if other := mirror + "/" + o.Arch + "/" + indexFile; other != address {
			newest = max(newest, o.sighting(other).Newest)
		}
	}
	if x.made < newest {
		x.Notes = append(x.Notes, fmt.Sprintf(
			"the index %q was made at %s, but pyimg has seen a newer one, of %s: the mirror lags, or serves an old index on purpose",
			o.Name, timeText(x.made), timeText(newest)))
	}
}

func timeText(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
