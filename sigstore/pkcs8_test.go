package sigstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"

	"github.com/pyimg/pyimg/sigstore"
)

// Object identifiers of PBES2 and of what it is made of.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
	oidAES256 = "2.16.840.1.101.3.4.1.42"
)

type (
	scryptParameters struct {
		Salt    []byte
		N, R, P int
	}
	pbkdf2Parameters struct {
		Salt       []byte
		Iterations int
	}
)

// encryptedKey is a key's file in PKCS #8 with parameters that need make no sense.
func encryptedKey(t testing.TB, kdf string, parameters any, iv, content []byte) []byte {
	t.Helper()
	algorithm := func(oid string, parameters any) pkix.AlgorithmIdentifier {
		var id asn1.ObjectIdentifier
		for part := range strings.SplitSeq(oid, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				t.Fatal(err)
			}
			id = append(id, n)
		}
		return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: marshal(t, parameters)}}
	}
	scheme := struct{ KDF, Cipher pkix.AlgorithmIdentifier }{
		algorithm(kdf, parameters), algorithm(oidAES256, iv)}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: marshal(t, struct {
		Algorithm pkix.AlgorithmIdentifier
		Content   []byte
	}{algorithm(oidPBES2, scheme), content})})
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCostlyKeys reads keys whose files ask for more memory or time than a key may take, or for lengths that ciphers do not have.
func TestCostlyKeys(t *testing.T) {
	t.Parallel()
	salt, iv, block := []byte("salt"), make([]byte, 16), make([]byte, 32)
	secretbox := func(n, r, p int) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: fmt.Appendf(nil,
			`{"kdf":{"name":"scrypt","params":{"N":%d,"r":%d,"p":%d}},"cipher":{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}`, n, r, p)})
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"scrypt, huge N":              {encryptedKey(t, oidScrypt, scryptParameters{salt, 1 << 40, 8, 1}, iv, block), "memory"},
		"scrypt, huge r":              {encryptedKey(t, oidScrypt, scryptParameters{salt, 2, 1 << 30, 1}, iv, block), "memory"},
		"scrypt, huge p":              {encryptedKey(t, oidScrypt, scryptParameters{salt, 2, 8, 1 << 26}, iv, block), "memory"},
		"scrypt, nothing":             {encryptedKey(t, oidScrypt, scryptParameters{salt, 0, 0, 0}, iv, block), "N=0"},
		"PBKDF2, a billion":           {encryptedKey(t, oidPBKDF2, pbkdf2Parameters{salt, 1 << 30}, iv, block), "1073741824 times"},
		"PBKDF2, never":               {encryptedKey(t, oidPBKDF2, pbkdf2Parameters{salt, -1}, iv, block), "-1 times"},
		"short start value":           {encryptedKey(t, oidPBKDF2, pbkdf2Parameters{salt, 10}, iv[:3], block), "16 bytes"},
		"no whole blocks":             {encryptedKey(t, oidPBKDF2, pbkdf2Parameters{salt, 10}, iv, block[:31]), "31 bytes"},
		"no content":                  {encryptedKey(t, oidPBKDF2, pbkdf2Parameters{salt, 10}, iv, nil), "0 bytes"},
		"other derivation":            {encryptedKey(t, oidPBES2, pbkdf2Parameters{salt, 10}, iv, block), "not known"},
		"no PBES2":                    {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: marshal(t, struct{ A, B int }{1, 2})}), "PKCS #8"},
		"truncated":                   {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0x82, 0x01}}), "PKCS #8"},
		"cosign's, huge r and p":      {secretbox(2, 1<<20, 16), "memory"},
		"cosign's, nothing":           {secretbox(0, -1, 0), "N=0"},
		"cosign's, within the bounds": {secretbox(1<<18, 1, 1), "password"},
	} {
		if _, err := sigstore.ParsePrivateKey(c.text, secret); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParsePrivateKey = %v, want an error with %q", name, err, c.want)
		}
	}
}

// TestEncryptedPKCS8 reads what OpenSSL writes: PBKDF2 and scrypt.
func TestEncryptedPKCS8(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*pkcs8.Opts{
		"PBKDF2": nil,
		"scrypt": {Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.ScryptOpts{SaltSize: 8, CostParameter: 16384, BlockSize: 8, ParallelizationParameter: 1}},
		"3DES":   {Cipher: pkcs8.TripleDESCBC, KDFOpts: pkcs8.DefaultOpts.KDFOpts},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: must(pkcs8.MarshalPrivateKey(key, []byte("secret"), o))})
		if _, err := sigstore.ParsePrivateKey(text, secret); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := sigstore.ParsePrivateKey(text, func() ([]byte, error) { return []byte("wrong"), nil }); !errors.Is(err, sigstore.ErrPassword) {
			t.Errorf("%s: wrong password: %v, want ErrPassword", name, err)
		}
	}
}

// TestManySignatures reads a bundle that is small as text and would be large in memory.
func TestManySignatures(t *testing.T) {
	k := generate(t)
	var m map[string]any
	if err := json.Unmarshal(must(k.SignStatement(statement(t))), &m); err != nil {
		t.Fatal(err)
	}
	m["dsseEnvelope"].(map[string]any)["signatures"] = make([]struct{}, 1_000_000)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	made := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			if _, err := k.Public().VerifyStatement(data); err == nil {
				b.Fatal("a million signatures are accepted")
			}
		}
	})
	if n := made.AllocedBytesPerOp(); n > 1<<20 {
		t.Errorf("reading a million signatures takes %d bytes, want less than 1 MiB", n)
	}
}
