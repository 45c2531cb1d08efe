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
	maxKeyFile = 64 << 10 // a 16384-bit key takes 3 KiB; a larger file is not a key
	minKeyBits = 1024     // crypto/rsa verifies with nothing shorter
	maxKeyBits = 16384    // beyond this each verification costs an attacker's victim seconds
)

// Key is a public key that may sign indexes and packages.
type Key struct {
	Name        string // its file name; .SIGN entries name the key by it, but that is only a hint
	Public      *rsa.PublicKey
	Fingerprint [32]byte // SHA-256 of the DER SubjectPublicKeyInfo; identifies the key
	Arches      []string // the architectures that it may sign for; nil means all
}

// signsFor reports whether the key may sign for arch. Every key may sign for an unknown arch ("").
func (k Key) signsFor(arch string) bool {
	return k.Arches == nil || arch == "" || slices.Contains(k.Arches, arch)
}

// Keyring holds the trusted keys. It recognises Alpine's own keys by their fingerprint, whatever their file name is.
// Each of them may sign only for its architectures; every other key may sign for all. Several goroutines may use a
// Keyring at once.
type Keyring struct {
	// Missing may be nil. When a signature names one of Alpine's keys that the ring does not have, the ring calls
	// Missing for the key's file. It trusts the result only if the fingerprint is right. It calls Missing once for each
	// key. Set Missing before the ring is used.
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

// Add trusts the RSA public key in pem, a PEM file as in Alpine's key packages. name is the key's file name. Adding a
// key twice has no effect.
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

// AddPath trusts the key in a file, or the keys in all *.pub files of a folder.
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

// named returns the keys that a signature may mean which names this key: keys with that file name, and Alpine's key of
// that name, whatever its file name is. If the ring has none, named asks Missing for Alpine's key.
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

// trusted is named without a call of Missing.
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

// trusts reports whether the key with this fingerprint may sign for arch. If it is one of Alpine's and missing, trusts
// asks Missing for it.
func (r *Keyring) trusts(ctx context.Context, fingerprint [32]byte, arch string) bool {
	is := func(k Key) bool { return k.Fingerprint == fingerprint && k.signsFor(arch) }
	if slices.ContainsFunc(r.Keys(), is) {
		return true
	}
	alpine, isAlpine := alpineKey(func(k AlpineKey) bool { return k.Fingerprint == fingerprint })
	return isAlpine && r.Missing != nil && r.ask(ctx, alpine) == nil && slices.ContainsFunc(r.Keys(), is)
}

// ask calls Missing for one of Alpine's keys, once, and adds the key.
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
	// If this call was cancelled, the next one may try again.
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
		return fmt.Errorf("getting key %q: the file has another key (SHA-256 %x, expected %x)",
			want.Name(), key.Fingerprint, want.Fingerprint)
	}
	return r.Add(want.Name(), data)
}

func parseKey(name string, data []byte) (Key, error) {
	if len(data) > maxKeyFile {
		return Key{}, fmt.Errorf("parsing key %q: it has more than %d bytes, so it is not a public key", name, maxKeyFile)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("parsing key %q: it is not a PEM public key: expected a line -----BEGIN PUBLIC KEY-----", name)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("parsing key %q: %w", name, err)
	}
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("parsing key %q: it is %T, expected an RSA key", name, public)
	}
	if bits := rsaKey.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return Key{}, fmt.Errorf("parsing key %q: it has %d bits, expected %d to %d", name, bits, minKeyBits, maxKeyBits)
	}
	// Encoded again, so that a key has one fingerprint, however its file encodes it.
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
