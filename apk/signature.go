package apk

import (
	"archive/tar"
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // .SIGN.RSA: Alpine signs with it; imported for crypto.Hash
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

const (
	signaturePrefix    = ".SIGN."
	maxSignatures      = 16        // real files have one
	maxSignature       = 8 << 10   // the longest accepted key makes 2 KiB
	maxSignatureStream = 256 << 10 // inflated: that many, with their tar headers
	keysInError        = 6         // names that an error lists
)

// The reasons why a file is not trusted. Match them with errors.Is.
var (
	ErrNotSigned  = errors.New("not signed")
	ErrUnknownKey = errors.New("signed by an unknown key")
	ErrKeyArch    = errors.New("signed by a key of another architecture")
	ErrAltered    = errors.New("content does not match its signature")
)

// TrustError says why the signature of an index or a package does not make it trusted.
type TrustError struct {
	Name   string // the URL of the file
	Reason error  // one of ErrNotSigned, ErrUnknownKey, ErrKeyArch, ErrAltered
	Key    string // the key that the signature names; "" without a signature
	Help   string // says what to do
	Cause  error  // why a missing key could not be fetched; may be nil
}

func (e *TrustError) Error() string {
	text := fmt.Sprintf("verifying %q: %v", e.Name, e.Reason)
	if e.Key != "" {
		text += fmt.Sprintf(" (%q)", e.Key)
	}
	if e.Help != "" {
		text += ": " + e.Help
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the reason and the cause.
func (e *TrustError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// ExitCode is exit.Unverified.
func (e *TrustError) ExitCode() exit.Code { return exit.Unverified }

// A signature is one .SIGN entry.
type signature struct {
	hash  crypto.Hash
	hint  string // the key's file name in the entry: not a path, and not proof
	bytes []byte
}

// signatureKind reads the name of a .SIGN entry.
func signatureKind(name string) (crypto.Hash, string, bool) {
	kind, hint, _ := strings.Cut(strings.TrimPrefix(name, signaturePrefix), ".")
	switch kind {
	case "RSA":
		return crypto.SHA1, hint, true
	case "RSA256":
		return crypto.SHA256, hint, true
	case "RSA512":
		return crypto.SHA512, hint, true
	}
	return 0, "", false // such as DSA, which is not in use
}

// leadingSignatures reads the signature stream. If the file does not begin with one, it consumes nothing. See
// apk-v2(5).
func leadingSignatures(t *tap) (sigs []signature, err error) {
	if !t.inflatesTo(signaturePrefix) {
		return nil, nil
	}
	err = t.inflate(maxSignatureStream, func(r io.Reader) error {
		sigs, err = readSignatures(tar.NewReader(r))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return sigs, nil
}

func readSignatures(tr *tar.Reader) ([]signature, error) {
	var sigs []signature
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return sigs, nil
		}
		if err != nil {
			return nil, err
		}
		kind, hint, ok := signatureKind(h.Name)
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		if len(sigs) == maxSignatures || h.Size > maxSignature {
			return nil, fmt.Errorf("%q: %w", h.Name, errTooLarge)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, signature{hash: kind, hint: hint, bytes: data})
	}
}

// A verifier hashes signed content and checks the signatures at its end.
type verifier struct {
	name   string
	sigs   []signature
	hashes map[crypto.Hash]hash.Hash

	// signer is the fingerprint of the key that verify found. It is set only if there is one signature: with several,
	// the keyring decides which one counts.
	signer [32]byte
}

func newVerifier(name string, sigs []signature) *verifier {
	v := &verifier{name: name, sigs: sigs, hashes: make(map[crypto.Hash]hash.Hash)}
	for _, s := range sigs {
		if v.hashes[s.hash] == nil {
			v.hashes[s.hash] = s.hash.New()
		}
	}
	return v
}

func (v *verifier) Write(p []byte) (int, error) {
	for _, h := range v.hashes {
		h.Write(p) // never fails, see hash.Hash
	}
	return len(p), nil
}

// verify checks whether a key that may sign for arch has signed the content. With several signatures, the first one
// with a known key decides, as in apk.
func (v *verifier) verify(ctx context.Context, ring *Keyring, arch string) error {
	if len(v.sigs) == 0 {
		return &TrustError{Name: v.name, Reason: ErrNotSigned,
			Help: "it must be signed by a key of the keyring; --allow-untrusted accepts it without"}
	}
	var other *TrustError
	for _, s := range v.sigs {
		named, err := ring.named(ctx, s.hint)
		usable := signing(named, arch)
		switch {
		case len(usable) > 0 && v.matches(s, usable):
			return nil
		case v.matches(s, signing(ring.Keys(), arch)):
			return nil // the key's file was renamed; the entry's name is only a hint
		case len(usable) > 0:
			return &TrustError{Name: v.name, Reason: ErrAltered, Key: s.hint,
				Help: "it was altered or damaged: try another mirror"}
		case len(named) > 0:
			other = otherArch(v.name, s.hint, named[0], arch)
		case other == nil || err != nil && errors.Is(other, ErrUnknownKey):
			other = unknownKey(v.name, s.hint, ring, err)
		}
	}
	return other
}

func (v *verifier) matches(s signature, keys []Key) bool {
	digest := v.hashes[s.hash].Sum(nil)
	for _, k := range keys {
		if rsa.VerifyPKCS1v15(k.Public, s.hash, digest, s.bytes) == nil {
			if len(v.sigs) == 1 {
				v.signer = k.Fingerprint
			}
			return true
		}
	}
	return false
}

func signing(keys []Key, arch string) []Key {
	var usable []Key
	for _, k := range keys {
		if k.signsFor(arch) {
			usable = append(usable, k)
		}
	}
	return usable
}

func otherArch(name, hint string, k Key, arch string) *TrustError {
	return &TrustError{Name: name, Reason: ErrKeyArch, Key: hint,
		Help: fmt.Sprintf("Alpine's key for %s does not sign for %s", strings.Join(k.Arches, ", "), arch)}
}

func unknownKey(name, hint string, ring *Keyring, cause error) *TrustError {
	keys := ring.Keys()
	held := "the keyring is empty"
	if len(keys) > 0 {
		var names []string
		for _, k := range keys[:min(len(keys), keysInError)] {
			names = append(names, k.Name)
		}
		if more := len(keys) - keysInError; more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		held = fmt.Sprintf("the keyring has %q", names)
	}
	return &TrustError{Name: name, Reason: ErrUnknownKey, Key: hint, Cause: cause,
		Help: held + "; add the key with --keyring DIR or alpine.keys if you trust it"}
}
