package sigstore

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"
)

// The cost of opening a key's file. Cosign writes N of 32768 or 65536, with r of 8 and p of 1.
const (
	scryptN    = 65536
	scryptR    = 8
	scryptP    = 1
	saltSize   = 32
	maxScrypt  = 256 << 20 // memory, in bytes: 128 * N * r, and 128 * p * r
	maxScryptP = 16        // how often that memory is filled
)

// encrypted is the content of cosign's form of a private key: scrypt and NaCl's secretbox. See secure-systems-lab's
// go-securesystemslib, package encrypted.
type encrypted struct {
	KDF struct {
		Name   string `json:"name"`
		Params struct {
			N int `json:"N"`
			R int `json:"r"`
			P int `json:"p"`
		} `json:"params"`
		Salt []byte `json:"salt"`
	} `json:"kdf"`
	Cipher struct {
		Name  string `json:"name"`
		Nonce []byte `json:"nonce"`
	} `json:"cipher"`
	Ciphertext []byte `json:"ciphertext"`
}

const (
	kdfName    = "scrypt"
	cipherName = "nacl/secretbox"
)

func openSecretbox(data, password []byte) ([]byte, error) {
	var e encrypted
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("its content is not that of a cosign key: %w", err)
	}
	if e.KDF.Name != kdfName || e.Cipher.Name != cipherName {
		return nil, fmt.Errorf("it is encrypted with %q and %q, expected %q and %q", e.KDF.Name, e.Cipher.Name, kdfName, cipherName)
	}
	n, r, p := e.KDF.Params.N, e.KDF.Params.R, e.KDF.Params.P
	if err := checkScrypt(n, r, p); err != nil {
		return nil, err
	}
	var nonce [24]byte
	if len(e.Cipher.Nonce) != len(nonce) {
		return nil, fmt.Errorf("its nonce has %d bytes, expected %d", len(e.Cipher.Nonce), len(nonce))
	}
	copy(nonce[:], e.Cipher.Nonce)
	key, err := deriveKey(password, e.KDF.Salt, n, r, p)
	if err != nil {
		return nil, err
	}
	der, ok := secretbox.Open(nil, e.Ciphertext, &nonce, key)
	if !ok {
		return nil, ErrPassword
	}
	return der, nil
}

// checkScrypt bounds the memory and the time that scrypt takes for a key. See RFC 7914.
func checkScrypt(n, r, p int) error {
	if n < 2 || r < 1 || p < 1 {
		return fmt.Errorf("scrypt does not work with N=%d r=%d p=%d", n, r, p)
	}
	if p > maxScryptP || n > maxScrypt/128 || r > maxScrypt/128/max(n, p) {
		return fmt.Errorf("opening it with scrypt N=%d r=%d p=%d would take more than %d MiB of memory, or too long", n, r, p, maxScrypt>>20)
	}
	return nil
}

func sealSecretbox(der, password []byte) ([]byte, error) {
	var e encrypted
	e.KDF.Name, e.Cipher.Name = kdfName, cipherName
	e.KDF.Params.N, e.KDF.Params.R, e.KDF.Params.P = scryptN, scryptR, scryptP
	var nonce [24]byte
	e.KDF.Salt = make([]byte, saltSize)
	if _, err := rand.Read(e.KDF.Salt); err != nil {
		return nil, err
	}
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	e.Cipher.Nonce = nonce[:]
	key, err := deriveKey(password, e.KDF.Salt, scryptN, scryptR, scryptP)
	if err != nil {
		return nil, err
	}
	e.Ciphertext = secretbox.Seal(nil, der, &nonce, key)
	return json.Marshal(e)
}

func deriveKey(password, salt []byte, n, r, p int) (*[32]byte, error) {
	derived, err := scrypt.Key(password, salt, n, r, p, 32)
	if err != nil {
		return nil, errors.Join(errors.New("deriving the key from the password"), err)
	}
	return (*[32]byte)(derived), nil
}
