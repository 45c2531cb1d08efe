package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	// maxKey bounds a key's file. RSA keys of 16384 bits have some 13 KiB.
	maxKey = 64 << 10
	// minRSA is the shortest RSA key that signs, in bits; see NIST SP 800-131A.
	minRSA = 2048
	// maxRSA bounds what a signature's check costs, in bits.
	maxRSA = 16384
)

// PEM types of keys.
const (
	pemPublic    = "PUBLIC KEY"
	pemPKCS1     = "RSA PUBLIC KEY"
	pemPrivate   = "PRIVATE KEY"
	pemEC        = "EC PRIVATE KEY"
	pemRSA       = "RSA PRIVATE KEY"
	pemEncrypted = "ENCRYPTED PRIVATE KEY"
	pemSigstore  = "ENCRYPTED SIGSTORE PRIVATE KEY" // what cosign writes
	pemCosign    = "ENCRYPTED COSIGN PRIVATE KEY"   // what cosign wrote before version 2
)

// A PublicKey verifies signatures.
type PublicKey struct {
	key crypto.PublicKey
	der []byte // SubjectPublicKeyInfo
}

// A PrivateKey signs.
type PrivateKey struct {
	signer crypto.Signer
	public PublicKey
}

// A Password asks for the password of an encrypted key. It is called at most once for a key.
type Password func() ([]byte, error)

// ErrPassword says that an encrypted key does not open with the password.
var ErrPassword = errors.New("the password does not open the key")

// Generate makes a key for ECDSA on P-256 with SHA-256, as "cosign generate-key-pair" does.
func Generate() (PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, err
	}
	return newPrivateKey(key)
}

// ParsePublicKey reads a public key in PEM: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least 2048 bits.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return PublicKey{}, err
	}
	var key crypto.PublicKey
	switch block.Type {
	case pemPublic:
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case pemPKCS1:
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case pemPrivate, pemEC, pemRSA, pemEncrypted, pemSigstore, pemCosign:
		return PublicKey{}, errors.New("it is a private key; give its public key, such as cosign.pub")
	default:
		return PublicKey{}, fmt.Errorf("its PEM type is %q, expected %q", block.Type, pemPublic)
	}
	if err != nil {
		return PublicKey{}, err
	}
	return newPublicKey(key)
}

// ParsePrivateKey reads a private key in PEM: cosign's own form, PKCS #8 (encrypted or not), SEC 1 or PKCS #1. It calls password
// only for an encrypted key. The error is ErrPassword where the password is wrong.
func ParsePrivateKey(text []byte, password Password) (PrivateKey, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return PrivateKey{}, err
	}
	if strings.HasSuffix(block.Headers["Proc-Type"], "ENCRYPTED") {
		return PrivateKey{}, errors.New("it is encrypted in OpenSSL's old form, which is weak; write it anew with \"openssl pkcs8 -topk8 -in OLD -out NEW\"")
	}
	var key any
	switch block.Type {
	case pemPrivate:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case pemEC:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case pemRSA:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemEncrypted, pemSigstore, pemCosign:
		key, err = parseEncrypted(block, password)
	case pemPublic, pemPKCS1:
		return PrivateKey{}, errors.New("it is a public key; signing takes the private one")
	default:
		return PrivateKey{}, fmt.Errorf("its PEM type is %q, expected %q or %q", block.Type, pemPrivate, pemSigstore)
	}
	if err != nil {
		return PrivateKey{}, err
	}
	return newPrivateKey(key)
}

func parseEncrypted(block *pem.Block, password Password) (any, error) {
	if block.Type == pemEncrypted {
		if err := checkPKCS8(block.Bytes); err != nil { // before anybody types a password for nothing
			return nil, err
		}
	}
	secret, err := password()
	if err != nil {
		return nil, err
	}
	if block.Type == pemEncrypted {
		return openPKCS8(block.Bytes, secret)
	}
	der, err := openSecretbox(block.Bytes, secret)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// onlyBlock returns the only PEM block of a key's file. The older form of EC keys has its parameters in a block of their own.
func onlyBlock(text []byte) (*pem.Block, error) {
	if len(text) > maxKey {
		return nil, fmt.Errorf("it has more than %d bytes, which no key has", maxKey)
	}
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("it is not PEM (-----BEGIN ...)")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("it has several keys; give one file for each")
	}
	return block, nil
}

func newPublicKey(key crypto.PublicKey) (PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() {
			return PublicKey{}, errors.New("it is an ECDSA key on P-224, expected P-256, P-384 or P-521")
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return PublicKey{}, fmt.Errorf("it is an RSA key of %d bits, expected %d to %d", n, minRSA, maxRSA)
		}
	default:
		return PublicKey{}, fmt.Errorf("it is a %T, expected ECDSA, Ed25519 or RSA", key)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	return PublicKey{key, der}, err
}

func newPrivateKey(key any) (PrivateKey, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return PrivateKey{}, fmt.Errorf("it is a %T, expected ECDSA, Ed25519 or RSA", key)
	}
	public, err := newPublicKey(signer.Public())
	return PrivateKey{signer, public}, err
}

// Public returns the key that verifies what k signs.
func (k PrivateKey) Public() PublicKey { return k.public }

// Encode returns the key in cosign's form, encrypted with a password, which may be empty.
func (k PrivateKey) Encode(password []byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return nil, err
	}
	sealed, err := sealSecretbox(der, password)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: sealed}), nil
}

// Encode returns the key in PEM.
func (k PublicKey) Encode() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: k.der})
}

// Hint names the key in a bundle: the SHA-256 of its DER, in base64. It is no proof of anything.
func (k PublicKey) Hint() string {
	sum := sha256.Sum256(k.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sign signs a message: Ed25519 as RFC 8032 has it, ECDSA and RSA (PKCS #1 v1.5) over its SHA-256. cosign checks attestations and files with
// SHA-256, whatever the curve is; a longer hash would prove no more, since what is signed names images by SHA-256. The same message has
// the same signature each time, by RFC 6979 for ECDSA: an index that is signed again keeps its digest.
func (k PrivateKey) sign(message []byte) ([]byte, error) {
	if _, ok := k.public.key.(ed25519.PublicKey); ok {
		return k.signer.Sign(nil, message, crypto.Hash(0))
	}
	return k.signer.Sign(nil, digest(crypto.SHA256, message), crypto.SHA256)
}

// curveHash returns the hash as long as an ECDSA key's curve: "cosign sign" signs with it, and older versions of pyimg did.
func curveHash(key *ecdsa.PublicKey) crypto.Hash {
	switch key.Curve {
	case elliptic.P384():
		return crypto.SHA384
	case elliptic.P521():
		return crypto.SHA512
	}
	return crypto.SHA256
}

// verifies reports whether the signature is the key's.
func (k PublicKey) verifies(message, signature []byte) bool {
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest(crypto.SHA256, message), signature) ||
			ecdsa.VerifyASN1(key, digest(curveHash(key), message), signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest(crypto.SHA256, message), signature) == nil
	}
	return false
}

func digest(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}
