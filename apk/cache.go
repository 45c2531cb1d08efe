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

// Cache keeps notes by key from one run to the next. Nothing depends on it but time: a note that
// is lost, damaged or cannot be kept means that an index is read again.
//
// LoadIndex keeps two kinds: of each address what its server calls the file that is there, and
// its SHA-256; and of each index, by that SHA-256 and its architecture, the compact form.
type Cache interface {
	Record(key string) ([]byte, error)
	SetRecord(key string, data []byte) error
}

// ConditionalOpener is an Opener that asks for a file only if it is another one than the
// validator is of, which an earlier answer gave. Where it is not, r is nil.
type ConditionalOpener interface {
	OpenIf(ctx context.Context, url, validator string) (r io.ReadCloser, newValidator string, err error)
}

// A sighting is what is known of the index at one address.
type sighting struct {
	Validator string `json:"validator,omitempty"` // what its server calls it
	Source    []byte `json:"source,omitempty"`    // its SHA-256
	Newest    int64  `json:"newest,omitempty"`    // when the newest one that was trusted there was made, in seconds since 1970
}

// maxSighting bounds a note; a validator is some 50 bytes.
const maxSighting = 4 << 10

func sightingKey(address string) string {
	address = redact.URL(address)
	if !strings.Contains(address, "://") {
		if absolute, err := filepath.Abs(address); err == nil {
			address = absolute
		}
	}
	// Hashed, since a URL may have a token in it.
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

// kept finds the compact form of an index. One that somebody must vouch for is taken only if
// the key that signed it is trusted now.
func (o IndexOptions) cached(ctx context.Context, source []byte) (compactIndex, bool) {
	data, err := o.Cache.Record(compactKey(source, o.Arch))
	if err != nil {
		return compactIndex{}, false
	}
	x, err := decodeCompact(data)
	if err != nil || !bytes.Equal(x.source[:], source) || x.Arch != o.Arch {
		return compactIndex{}, false
	}
	if o.Keyring != nil && !o.Keyring.trusts(ctx, x.signer, o.Arch) {
		return compactIndex{}, false
	}
	x.Repository = o.Repository
	return x, true
}

// loadCached is loadFrom with a cache.
func loadCached(ctx context.Context, src Opener, address string, o IndexOptions) (*Index, error) {
	before := o.sighting(address)
	var x compactIndex
	known, validator := false, ""
	if before.Validator != "" {
		if x, known = o.cached(ctx, before.Source); known {
			validator = before.Validator
		}
	}
	r, now, err := openIf(ctx, src, address, validator)
	switch {
	case err != nil:
		return nil, fmt.Errorf("loading index %q: %w", o.Name, err)
	case r == nil && !known:
		return nil, fmt.Errorf("loading index %q: it is said to be unchanged, but nobody asked", o.Name)
	case r != nil:
		defer r.Close()
		if x, err = readOrCached(ctx, r, o); err != nil {
			return nil, err
		}
		before = o.note(address, before, x, now)
	}
	o.compareAge(x, before, address)
	return x.Index, nil
}

func openIf(ctx context.Context, src Opener, address, validator string) (io.ReadCloser, string, error) {
	if c, ok := src.(ConditionalOpener); ok {
		return c.OpenIf(ctx, address, validator)
	}
	r, err := src.Open(ctx, address)
	return r, "", err
}

// readOrCached reads an index whose compact form may be there, and else keeps it.
func readOrCached(ctx context.Context, r io.Reader, o IndexOptions) (compactIndex, error) {
	if file, ok := r.(io.ReadSeeker); ok { // which need not be held for it to be read again
		h := sha256.New()
		_, err := io.Copy(h, io.LimitReader(file, maxIndexRaw+1))
		if x, ok := o.cached(ctx, h.Sum(nil)); ok && err == nil {
			return x, nil
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return compactIndex{}, fmt.Errorf("reading index %q again: %w", o.Name, err)
		}
	}
	raw, err := readAll(r)
	source := sha256.Sum256(raw)
	if err == nil {
		if x, ok := o.cached(ctx, source[:]); ok {
			return x, nil
		}
		err = io.EOF
	}
	x, err := readIndex(ctx, io.MultiReader(bytes.NewReader(raw), brokenReader{err}), o)
	if err != nil {
		return compactIndex{}, err
	}
	x.source = source
	// One that nobody vouched for does not take the place of one that a key did.
	if _, ok := o.withoutKeyring().cached(ctx, source[:]); !ok || o.Keyring != nil {
		_ = o.Cache.SetRecord(compactKey(source[:], o.Arch), x.encode()) // see Cache
	}
	return x, nil
}

// readAll reads all of an index, or one byte more than it may have.
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

// A brokenReader goes on with what broke off the reading, io.EOF where nothing did.
type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

// note keeps what was found at an address. What was there before goes: its compact form is as
// large as the file itself, and a repository changes daily.
func (o IndexOptions) note(address string, before sighting, x compactIndex, validator string) sighting {
	after := sighting{Validator: validator, Source: x.source[:], Newest: before.Newest}
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

// compareAge notes where a mirror's index is older than one that was seen on it, or on another
// mirror of its repository. That is no error: a mirror may lag.
func (o IndexOptions) compareAge(x compactIndex, here sighting, address string) {
	newest := here.Newest
	for _, mirror := range o.Repository.Mirrors {
		if other := mirror + "/" + o.Arch + "/" + indexFile; other != address {
			newest = max(newest, o.sighting(other).Newest)
		}
	}
	if x.made < newest {
		x.Notes = append(x.Notes, fmt.Sprintf(
			"the index %q is of %s, older than one of %s that was seen before: its mirror lags, or hands out an old one on purpose",
			o.Name, timeText(x.made), timeText(newest)))
	}
}

func timeText(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
