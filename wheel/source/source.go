// Package source says which wheel file is wanted, where it is, and how to know that
// it is the right one: its size and its hashes. Locks, requirements and indexes all
// give Files; the caller fetches them and lets a Checker see the bytes.
package source

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/wheel/tag"
)

// ErrNoFit is the error where no wheel of a project fits a platform's Python.
var ErrNoFit = errors.New("no wheel fits")

// NoFit is an ErrNoFit that says more: which wheel is missing, and what to do.
func NoFit(format string, args ...any) error { return noFit(fmt.Sprintf(format, args...)) }

type noFit string

func (e noFit) Error() string { return string(e) }

// Is makes errors.Is find ErrNoFit.
func (noFit) Is(target error) bool { return target == ErrNoFit }

// File is a wheel file.
type File struct {
	Filename tag.Filename
	URL      string // "" where only Path is known
	Path     string // of a local file, as its lock or index has it; "" where only URL is known
	Size     int64  // 0 where it is not known
	Hashes   Hashes // all must hold
	AnyOf    []Hash // one must hold, where there are any
}

// Hash is the name of a hash function and the digest that it gives, in hexadecimal.
type Hash struct{ Name, Digest string }

// String is the hash as requirements files have it: "sha256:...".
func (h Hash) String() string { return h.Name + ":" + h.Digest }

// Hashes are digests in hexadecimal by the name of the hash function: sha256,
// sha384 and sha512.
type Hashes map[string]string

// newHash is the hash function of a name; nil for one that is no proof.
func newHash(name string) func() hash.Hash {
	switch name {
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// ParseHash checks a hash. It must be sha256, sha384 or sha512: md5 and sha1 can be forged.
func ParseHash(name, digest string) (Hash, error) {
	name, digest = strings.ToLower(name), strings.ToLower(digest)
	f := newHash(name)
	if f == nil {
		return Hash{}, fmt.Errorf("hash %.20q is not taken: expected sha256, sha384 or sha512", name)
	}
	if sum, err := hex.DecodeString(digest); err != nil || len(sum) != f().Size() {
		return Hash{}, fmt.Errorf("hash %s:%.150s: expected %d hexadecimal digits", name, digest, 2*f().Size())
	}
	return Hash{name, digest}, nil
}

// ParseHashes checks a table of hashes and leaves out those that are no proof.
// It is an error where none is left.
func ParseHashes(table map[string]string) (Hashes, error) {
	hashes := make(Hashes)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if newHash(strings.ToLower(name)) == nil {
			continue
		}
		h, err := ParseHash(name, table[name])
		if err != nil {
			return nil, err
		}
		hashes[h.Name] = h.Digest
	}
	if len(hashes) == 0 {
		return nil, fmt.Errorf("its hashes have none of sha256, sha384 and sha512")
	}
	return hashes, nil
}

// Name is the file's name at the end of a URL or path.
func Name(location string) string {
	if u, err := url.Parse(location); err == nil && len(u.Scheme) > 1 { // one letter is a drive
		return path.Base(u.Path)
	}
	if strings.Contains(location, "://") {
		location, _, _ = strings.Cut(location, "?") // a URL that is not valid may still hold a secret
	}
	return location[strings.LastIndexAny(location, `/\`)+1:]
}

// Checker sees the bytes of a File while they are read.
type Checker struct {
	file File
	size int64
	sums map[string]hash.Hash
}

var _ io.Writer = (*Checker)(nil)

// Checker returns a Checker of the file.
func (f File) Checker() *Checker {
	c := &Checker{file: f, sums: map[string]hash.Hash{"sha256": sha256.New()}}
	for name := range f.Hashes {
		c.sums[name] = newHash(name)()
	}
	for _, h := range f.AnyOf {
		c.sums[h.Name] = newHash(h.Name)()
	}
	return c
}

// Write takes the next bytes of the file. It has no error.
func (c *Checker) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	for _, sum := range c.sums {
		_, _ = sum.Write(p) // a hash takes everything
	}
	return len(p), nil
}

// Check reports whether all the bytes that were written are the file.
func (c *Checker) Check() error {
	name := c.file.Filename.Text
	if c.file.Size > 0 && c.size != c.file.Size {
		return fmt.Errorf("checking the size of %q: %w", name, &mismatch.Error{Size: c.file.Size, GotSize: c.size})
	}
	for _, algorithm := range slices.Sorted(maps.Keys(c.file.Hashes)) {
		if want := (Hash{algorithm, c.file.Hashes[algorithm]}); !c.holds(want) {
			return fmt.Errorf("checking %q: %w", name, c.wrong(want.Name, want.String()))
		}
	}
	if len(c.file.AnyOf) > 0 && !slices.ContainsFunc(c.file.AnyOf, c.holds) {
		return fmt.Errorf("checking %q: %w", name, c.wrong(c.file.AnyOf[0].Name, fmt.Sprintf("one of the %d that are allowed", len(c.file.AnyOf))))
	}
	return nil
}

// wrong is the error for a file whose hash by an algorithm is not what it is to be.
func (c *Checker) wrong(algorithm, want string) error {
	return &mismatch.Error{What: "its hash", Want: want, Got: fmt.Sprintf("%s:%x", algorithm, c.sums[algorithm].Sum(nil))}
}

// SHA256 is the digest of what was written, in hexadecimal.
func (c *Checker) SHA256() string { return hex.EncodeToString(c.sums["sha256"].Sum(nil)) }

func (c *Checker) holds(h Hash) bool {
	digest, err := hex.DecodeString(h.Digest)
	return err == nil && bytes.Equal(c.sums[h.Name].Sum(nil), digest)
}
