package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/layers"
)

// conditionalOpener is an Opener that fetches a file only if it changed since an earlier answer, which gave the validator. If it did
// not change, r is nil.
type conditionalOpener interface {
	OpenIf(ctx context.Context, url, validator string) (r io.ReadCloser, newValidator string, err error)
}

// A sighting records which tarball an unpinned URL had at the last run.
type sighting struct {
	Validator string `json:"validator"` // the server's ETag or Last-Modified
	Digest    string `json:"digest"`
}

// maxSighting bounds a record of a sighting, in bytes.
const maxSighting = 4 << 10

func sightingKey(url string) string {
	return fmt.Sprintf("runtime-at-%x", sha256.Sum256([]byte(url))) // whole, since a query may name another file; hashed, since it may be a secret
}

// sighted asks the server whether the tarball at a URL changed since the last run. If it did not, the source has its digest, and is
// read only if the store lacks it. Otherwise note is called with the digest of the tarball that was read.
func sighted(ctx context.Context, from Location, tarball layers.Source, src input.Access) (_ layers.Source, note func(digest string), err error) {
	none := func(string) {}
	conditional, ok := src.Fetch.(conditionalOpener)
	if !ok || tarball.Digest != "" || !spec.IsURL(from.URL) {
		return tarball, none, nil
	}
	known := readSighting(from.URL, src.Store)
	body, validator, err := conditional.OpenIf(ctx, from.URL, known.Validator)
	if err != nil {
		return tarball, none, err
	}
	if body == nil {
		tarball.Digest = known.Digest
		return tarball, none, nil
	}
	again, name := tarball.Open, baseName(from.URL)
	var once sync.Once
	tarball.Open = func(ctx context.Context) (r io.ReadCloser, err error) {
		once.Do(func() { r = src.Reported(body, name, bodySize(body)) })
		if r == nil {
			r, err = again(ctx)
		}
		return r, err
	}
	return tarball, func(digest string) { writeSighting(from.URL, sighting{validator, digest}, src.Store) }, nil
}

// addressKey is the question which tarball an unpinned address has now.
type addressKey struct{ url string }

// digestNow ingests the tarball that an unpinned address has now, and returns its digest. All builds of a run take the same one.
func digestNow(ctx context.Context, from Location, tarball layers.Source, src input.Access) (string, error) {
	return memo.Once(ctx, src.Memo, addressKey{from.URL}, func(ctx context.Context) (string, error) {
		tarball, note, err := sighted(ctx, from, tarball, src)
		if err != nil {
			return "", err
		}
		raw, err := src.Store.IngestFacts(ctx, tarball)
		if err == nil {
			note(raw.Digest)
		}
		return raw.Digest, err
	})
}

// bodySize is negative if the server did not send the size.
func bodySize(body io.Reader) int64 {
	if sized, ok := body.(interface{ Size() int64 }); ok {
		return sized.Size()
	}
	return -1
}

// readSighting returns the last sighting, if the store still has its tarball's facts.
func readSighting(url string, store *layers.Store) (s sighting) {
	data, err := store.Record(sightingKey(url))
	if err != nil || len(data) > maxSighting || json.Unmarshal(data, &s) != nil || s.Validator == "" {
		return sighting{}
	}
	if _, err := store.Faults(s.Digest); err != nil {
		return sighting{}
	}
	return s
}

// writeSighting stores a sighting. If that fails, it only costs the next run a fetch.
func writeSighting(url string, s sighting, store *layers.Store) {
	if text, err := json.Marshal(s); err == nil && s.Validator != "" {
		_ = store.SetRecord(sightingKey(url), text)
	}
}
