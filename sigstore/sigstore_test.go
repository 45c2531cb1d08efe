package sigstore_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"os"

	"github.com/youmark/pkcs8"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/sigstore"
)

const subject = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

// keys returns private keys of each kind in PEM, unencrypted.
func keys(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	add := func(name, kind string, der []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out[name] = pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		add(name, "PRIVATE KEY", der, err)
		der, err = x509.MarshalECPrivateKey(k)
		add(name+" in SEC 1", "EC PRIVATE KEY", der, err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	add("Ed25519", "PRIVATE KEY", der, err)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(r)
	add("RSA", "PRIVATE KEY", der, err)
	add("RSA in PKCS 1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil)
	der, err = pkcs8.MarshalPrivateKey(r, []byte("secret"), nil)
	add("RSA encrypted", "ENCRYPTED PRIVATE KEY", der, err)
	own, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if out["cosign's form"], err = own.Encode([]byte("secret")); err != nil {
		t.Fatal(err)
	}
	return out
}

func secret() ([]byte, error) { return []byte("secret"), nil }

func statement(t *testing.T) sigstore.Statement {
	t.Helper()
	s, err := sigstore.NewStatement("example.com/app", subject, sigstore.PredicateSignature, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	for name, text := range keys(t) {
		k, err := sigstore.ParsePrivateKey(text, secret)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		public, err := sigstore.ParsePublicKey(k.Public().Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := k.SignStatement(statement(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := public.VerifyStatement(b)
		if err != nil || !got.Is(subject) || got.PredicateType != sigstore.PredicateSignature {
			t.Errorf("%s: VerifyStatement = %+v, %v", name, got, err)
		}
		if got.Is(strings.Replace(subject, "2c", "2d", 1)) || got.Is("sha256:") || got.Is("") {
			t.Errorf("%s: the statement is about a digest that it does not name", name)
		}
		content := []byte("a file")
		f, err := k.SignFile(content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := public.VerifyFile(f, content); err != nil {
			t.Errorf("%s: VerifyFile = %v", name, err)
		}
		if err := public.VerifyFile(f, []byte("another")); exit.Of(err) != exit.Unverified {
			t.Errorf("%s: VerifyFile of another file = %v, want an error with code 6", name, err)
		}
	}
}

func TestForgedBundles(t *testing.T) {
	t.Parallel()
	k, other := generate(t), generate(t)
	b, err := k.SignStatement(statement(t))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(m map[string]any)) []byte {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		f(m)
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	dsse := func(m map[string]any) map[string]any { return m["dsseEnvelope"].(map[string]any) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"another key": {must(other.SignStatement(statement(t))), "another key signed it"},
		"another payload": {edit(func(m map[string]any) {
			p, _ := base64.StdEncoding.DecodeString(dsse(m)["payload"].(string))
			dsse(m)["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(p, []byte("2c26"), []byte("2c27"), 1))
		}), "not this key's"},
		"no signature":       {edit(func(m map[string]any) { dsse(m)["signatures"] = []any{} }), "not this key's"},
		"other payload type": {edit(func(m map[string]any) { dsse(m)["payloadType"] = "text/plain" }), `"text/plain"`},
		"other media type":   {edit(func(m map[string]any) { m["mediaType"] = "application/json" }), "media type"},
		"nothing signed":     {edit(func(m map[string]any) { delete(m, "dsseEnvelope") }), "either"},
		"no JSON":            {[]byte("x"), "not a sigstore bundle"},
		"a file's":           {must(k.SignFile(nil)), "signs a file"},
		"many signatures": {edit(func(m map[string]any) {
			dsse(m)["signatures"] = make([]map[string]any, 1000)
		}), "more than 16 signatures"},
	} {
		s, err := k.Public().VerifyStatement(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || exit.Of(err) != exit.Unverified {
			t.Errorf("%s: VerifyStatement = %+v, %v, want an error with %q and code 6", name, s, err, c.want)
		}
	}
	for i := range b {
		flipped := bytes.Clone(b)
		flipped[i] ^= 1
		if s, err := k.Public().VerifyStatement(flipped); err == nil && !s.Is(subject) {
			t.Fatalf("byte %d flipped: verified as %+v", i, s)
		}
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no short keys:", err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := generate(t)
	sealed := must(own.Encode([]byte("right")))
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"short RSA":      {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(short)}), "1024 bits"},
		"P-224":          {pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(p224))}), "P-224"},
		"public":         {own.Public().Encode(), "public key"},
		"two":            {append(bytes.Clone(sealed), sealed...), "several keys"},
		"no PEM":         {[]byte("hello"), "not PEM"},
		"wrong password": {sealed, "password"},
		"certificate":    {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), `"CERTIFICATE"`},
		"large":          {make([]byte, 1<<20), "bytes"},
		"OpenSSL's old form": {pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte{1},
			Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}}), "openssl pkcs8 -topk8"},
		"costly": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY",
			Bytes: []byte(`{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1}},"cipher":{"name":"nacl/secretbox"}}`)}), "memory"},
		"other cipher": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED COSIGN PRIVATE KEY",
			Bytes: []byte(`{"kdf":{"name":"argon2"},"cipher":{"name":"aes"}}`)}), `"argon2"`},
	} {
		if _, err := sigstore.ParsePrivateKey(c.text, secret); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParsePrivateKey = %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := sigstore.ParsePrivateKey(sealed, secret); !errors.Is(err, sigstore.ErrPassword) {
		t.Errorf("wrong password: %v, want ErrPassword", err)
	}
	if _, err := sigstore.ParsePublicKey(sealed); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("ParsePublicKey of a private key = %v", err)
	}
}

// TestHashOfLargeCurves checks that a key on P-384 or P-521 signs over SHA-256, which is all that "cosign verify-blob" and "cosign
// verify-attestation" check, and that a signature over the curve's own hash, as "cosign sign" makes it, is accepted.
func TestHashOfLargeCurves(t *testing.T) {
	t.Parallel()
	content := []byte("content")
	for curve, h := range map[elliptic.Curve]crypto.Hash{elliptic.P384(): crypto.SHA384, elliptic.P521(): crypto.SHA512} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k, err := sigstore.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(private))}), nil)
		if err != nil {
			t.Fatal(err)
		}
		var parsed struct {
			MessageSignature struct{ Signature []byte }
		}
		if err := json.Unmarshal(must(k.SignFile(content)), &parsed); err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); !ecdsa.VerifyASN1(&private.PublicKey, sum[:], parsed.MessageSignature.Signature) {
			t.Errorf("%s: the signature is not over SHA-256", curve.Params().Name)
		}
		w := h.New()
		w.Write(content)
		sum := w.Sum(nil)
		sig := must(private.Sign(rand.Reader, sum, h))
		b := fmt.Sprintf(`{"mediaType":%q,"verificationMaterial":{},"messageSignature":{"messageDigest":{"algorithm":"SHA2_%d","digest":%q},"signature":%q}}`,
			sigstore.MediaType, h.Size()*8, base64.StdEncoding.EncodeToString(sum), base64.StdEncoding.EncodeToString(sig))
		if err := k.Public().VerifyFile([]byte(b), content); err != nil {
			t.Errorf("%s: VerifyFile of a signature over the curve's hash = %v", curve.Params().Name, err)
		}
	}
}

// TestOpenSSL has another program check a signature.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	k, dir := generate(t), t.TempDir()
	b := must(k.SignFile([]byte("content")))
	var parsed struct {
		MessageSignature struct{ Signature []byte }
	}
	if err := json.Unmarshal(b, &parsed); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"key": k.Public().Encode(), "sig": parsed.MessageSignature.Signature, "content": []byte("content")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), openssl, "dgst", "-sha256", "-verify", "key", "-signature", "sig", "content")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verified OK") {
		t.Errorf("openssl dgst -verify: %v: %s", err, out)
	}
}

func FuzzVerifyStatement(f *testing.F) {
	k, err := sigstore.Generate()
	if err != nil {
		f.Fatal(err)
	}
	s, err := sigstore.NewStatement("", subject, sigstore.PredicateSignature, []byte("{}"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(must(k.SignStatement(s)))
	f.Add(must(k.SignFile([]byte("x"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := k.Public().VerifyStatement(data); err == nil && !got.Is(subject) {
			t.Errorf("verified a statement that was not signed: %+v", got)
		}
		_ = k.Public().VerifyFile(data, []byte("y"))
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN EC PARAMETERS-----\nMAA=\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n"))
	f.Add(encryptedKey(f, oidPBKDF2, pbkdf2Parameters{[]byte("salt"), 10}, make([]byte, 16), make([]byte, 32)))
	f.Add(encryptedKey(f, oidScrypt, scryptParameters{[]byte("salt"), 2, 1, 1}, make([]byte, 16), make([]byte, 32)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = sigstore.ParsePrivateKey(data, secret)
		_, _ = sigstore.ParsePublicKey(data)
	})
}

func Example() {
	key, err := sigstore.Generate()
	if err != nil {
		panic(err)
	}
	s, err := sigstore.NewStatement("example.com/app", subject, sigstore.PredicateSignature, []byte("{}"))
	if err != nil {
		panic(err)
	}
	bundle, err := key.SignStatement(s)
	if err != nil {
		panic(err)
	}
	got, err := key.Public().VerifyStatement(bundle)
	fmt.Println(got.Is(subject), got.PredicateType, err)
	// Output: true https://sigstore.dev/cosign/sign/v1 <nil>
}

func generate(t *testing.T) sigstore.PrivateKey {
	t.Helper()
	k, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
