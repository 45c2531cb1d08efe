package apk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/internal/regular"
)

const (
	maxKeyFile = 64 << 10 // a 16384-bit key takes 3 KiB; whatever is larger is no key
	minKeyBits = 1024     // crypto/rsa verifies with nothing shorter
	maxKeyBits = 16384    // beyond this each verification costs an attacker's victim seconds
)

// Key is a public key that may sign indexes and packages.
type Key struct {
	Name        string // the file it came from; what .SIGN entries call it, a hint only
	Public      *rsa.PublicKey
	Fingerprint [32]byte // SHA-256 of the DER SubjectPublicKeyInfo; what identifies the key
	Arches      []string // what it may sign for; nil means any architecture
}

// signsFor says whether the key may sign for arch. An unknown arch ("") is everyone's.
func (k Key) signsFor(arch string) bool {
	return k.Arches == nil || arch == "" || slices.Contains(k.Arches, arch)
}

// Keyring holds the keys that are trusted. One of Alpine's own keys is recognised by its
// fingerprint, under whatever name it comes, and stays bound to its architectures; every
// other key signs for all of them. A Keyring may be used by several goroutines at once.
type Keyring struct {
	// Missing, where it is set, is asked for the file of one of Alpine's keys which a
	// signature names and the ring lacks. What it returns counts only if the fingerprint
	// is that key's. Each key is asked for once. Set it before the ring is used.
	Missing func(ctx context.Context, k AlpineKey) ([]byte, error)

	mu    sync.Mutex
	keys  []Key
	asked map[string]*question
}

// A question is one call of Keyring.Missing and its outcome.
type question struct {
	mu   sync.Mutex
	done bool
	err  error
}

// NewKeyring returns a keyring that trusts nothing.
func NewKeyring() *Keyring { return &Keyring{} }

// Add trusts the RSA public key in pem, a PEM file as Alpine's key packages hold it. The name
// is the key's file name. A key that is there already is not added again.
func (r *Keyring) Add(name string, pem []byte) error {
	key, err := parseKey(name, pem)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(k Key) bool { return k.Fingerprint == key.Fingerprint && k.Name == key.Name }
	if !slices.ContainsFunc(r.keys, same) {
		r.keys = append(r.keys, key)
		slices.SortFunc(r.keys, func(a, b Key) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), bytes.Compare(a.Fingerprint[:], b.Fingerprint[:]))
		})
	}
	return nil
}

// AddPath trusts the key in a file, or all keys in a folder: of a folder only *.pub is read.
func (r *Keyring) AddPath(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("reading keyring: %w", err)
	}
	if !info.IsDir() {
		return r.addFile(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("reading keyring: %w", err)
	}
	found := false
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".pub") || e.IsDir() {
			continue
		}
		if err := r.addFile(filepath.Join(path, e.Name())); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("reading keyring %q: no *.pub file in it", path)
	}
	return nil
}

func (r *Keyring) addFile(path string) error {
	data, err := regular.Read(path, maxKeyFile)
	if err != nil {
		return fmt.Errorf("reading key: %w", err)
	}
	if err := r.Add(filepath.Base(path), data); err != nil {
		return fmt.Errorf("in %q: %w", path, err)
	}
	return nil
}

// Keys returns the trusted keys, sorted by name.
func (r *Keyring) Keys() []Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys)
}

// named returns the keys that a signature may mean which names one: those of that file name,
// and Alpine's key of that name whatever file it came from. It asks Missing for the latter.
func (r *Keyring) named(ctx context.Context, name string) ([]Key, error) {
	keys := r.trusted(name)
	alpine, isAlpine := alpineKeyNamed(name)
	if len(keys) > 0 || !isAlpine || r.Missing == nil {
		return keys, nil
	}
	if err := r.ask(ctx, alpine); err != nil {
		return nil, err
	}
	return r.trusted(name), nil
}

// held is named without asking.
func (r *Keyring) trusted(name string) []Key {
	alpine, isAlpine := alpineKeyNamed(name)
	var keys []Key
	for _, k := range r.Keys() {
		if k.Name == name || isAlpine && k.Fingerprint == alpine.Fingerprint {
			keys = append(keys, k)
		}
	}
	return keys
}

// trusts says whether a key, by its fingerprint, may sign for arch. It asks Missing for one of Alpine's, as named does.
func (r *Keyring) trusts(ctx context.Context, fingerprint [32]byte, arch string) bool {
	is := func(k Key) bool { return k.Fingerprint == fingerprint && k.signsFor(arch) }
	if slices.ContainsFunc(r.Keys(), is) {
		return true
	}
	alpine, isAlpine := alpineKey(func(k AlpineKey) bool { return k.Fingerprint == fingerprint })
	return isAlpine && r.Missing != nil && r.ask(ctx, alpine) == nil && slices.ContainsFunc(r.Keys(), is)
}

// ask adds the one of Alpine's keys that Missing finds.
func (r *Keyring) ask(ctx context.Context, want AlpineKey) error {
	r.mu.Lock()
	if r.asked == nil {
		r.asked = make(map[string]*question)
	}
	q := r.asked[want.ID]
	if q == nil {
		q = new(question)
		r.asked[want.ID] = q
	}
	r.mu.Unlock()

	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done {
		return q.err
	}
	q.err = r.fetch(ctx, want)
	// Someone else's cancellation says nothing about the key.
	q.done = ctx.Err() == nil
	return q.err
}

func (r *Keyring) fetch(ctx context.Context, want AlpineKey) error {
	data, err := r.Missing(ctx, want)
	if err != nil {
		return fmt.Errorf("getting key %q: %w", want.Name(), err)
	}
	key, err := parseKey(want.Name(), data)
	if err != nil {
		return fmt.Errorf("getting key %q: %w", want.Name(), err)
	}
	if key.Fingerprint != want.Fingerprint {
		return fmt.Errorf("getting key %q: what came is another key (SHA-256 %x, not %x)",
			want.Name(), key.Fingerprint, want.Fingerprint)
	}
	return r.Add(want.Name(), data)
}

func parseKey(name string, data []byte) (Key, error) {
	if len(data) > maxKeyFile {
		return Key{}, fmt.Errorf("parsing key %q: larger than %d bytes, which no public key is", name, maxKeyFile)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("parsing key %q: not a PEM public key (want a line -----BEGIN PUBLIC KEY-----)", name)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("parsing key %q: %w", name, err)
	}
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("parsing key %q: an RSA key is wanted, this is %T", name, public)
	}
	if bits := rsaKey.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return Key{}, fmt.Errorf("parsing key %q: %d bits, want %d to %d", name, bits, minKeyBits, maxKeyBits)
	}
	// Marshalled anew, so that one key has one fingerprint however its file encodes it.
	der, err := x509.MarshalPKIXPublicKey(rsaKey)
	if err != nil {
		return Key{}, fmt.Errorf("parsing key %q: %w", name, err)
	}
	key := Key{Name: name, Public: rsaKey, Fingerprint: sha256.Sum256(der)}
	if alpine, ok := alpineKey(func(k AlpineKey) bool { return k.Fingerprint == key.Fingerprint }); ok {
		key.Arches = alpine.Arches
	}
	return key, nil
}
