package sigstore

import (
	"crypto/aes"
	"crypto/des"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"
)

// maxIterations bounds PBKDF2, which takes about a second for three million. OpenSSL writes 2048, others up to a million.
const maxIterations = 10_000_000

// The structures of PKCS #8, and of PBES2 in PKCS #5.
type (
	encryptedKeyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	// pbkdf2 has more fields, which do not matter here.
	pbkdf2 struct {
		Salt       []byte
		Iterations int
		Length     int                      `asn1:"optional"`
		Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	scryptParameters struct {
		Salt    []byte
		N, R, P int
		Length  int `asn1:"optional"`
	}
)

// Object identifiers of key derivations and ciphers.
const (
	oidPBKDF2    = "1.2.840.113549.1.5.12"
	oidScrypt    = "1.3.6.1.4.1.11591.4.11"
	oidAES       = "2.16.840.1.101.3.4.1." // begins those of AES with any key and mode
	oidTripleDES = "1.2.840.113549.3.7"
)

// openPKCS8 decrypts a key in PKCS #8 that checkPKCS8 has taken: the file says what it costs, and the library does whatever it says.
func openPKCS8(der, password []byte) (any, error) {
	key, err := pkcs8.ParsePKCS8PrivateKey(der, password)
	if err != nil {
		return nil, fmt.Errorf("%w, or it is encrypted in a way that is not known: %v", ErrPassword, err) //nolint:errorlint // the library's errors are texts
	}
	return key, nil
}

// checkPKCS8 checks what the library does not: the cost, and the lengths on which ciphers insist. What it does not know, the library
// refuses.
func checkPKCS8(der []byte) error {
	var info encryptedKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return fmt.Errorf("it is not an encrypted key in PKCS #8: %w", err)
	}
	var scheme pbes2
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return errors.New("it is not encrypted by PBES2 (PKCS #5 v2.0), the only way that is known; write it anew with \"openssl pkcs8 -topk8\"")
	}
	if err := checkKDF(scheme.KDF); err != nil {
		return err
	}
	block := 0
	switch oid := scheme.Cipher.Algorithm.String(); {
	case strings.HasPrefix(oid, oidAES):
		block = aes.BlockSize
	case oid == oidTripleDES:
		block = des.BlockSize
	default:
		return nil
	}
	var iv []byte
	if _, err := asn1.Unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != block {
		return fmt.Errorf("the start value of its cipher is not one of %d bytes", block)
	}
	if len(info.Data) == 0 || len(info.Data)%block != 0 {
		return fmt.Errorf("its content has %d bytes, which are no whole blocks of its cipher", len(info.Data))
	}
	return nil
}

func checkKDF(kdf pkix.AlgorithmIdentifier) error {
	switch kdf.Algorithm.String() {
	case oidPBKDF2:
		var p pbkdf2
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return fmt.Errorf("reading how its password is hashed: %w", err)
		}
		if p.Iterations < 1 || p.Iterations > maxIterations {
			return fmt.Errorf("its password is hashed %d times, expected 1 to %d", p.Iterations, maxIterations)
		}
	case oidScrypt:
		var p scryptParameters
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return fmt.Errorf("reading how its password is hashed: %w", err)
		}
		return checkScrypt(p.N, p.R, p.P)
	}
	return nil
}
