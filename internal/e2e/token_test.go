package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	tokenIssuer, tokenService = "pyimg-e2e", "registry"
	tokenUser, tokenPassword  = "me", "a-password-to-look-for"
	minTokenLife              = 2 * time.Second
)

// A tokenServer gives out tokens as docker-registry takes them: JWTs with the signer's certificate in their header. See
// the CNCF distribution's token authentication specification.
type tokenServer struct {
	key    *ecdsa.PrivateKey
	cert   []byte // DER
	life   time.Duration
	issued atomic.Int32
}

func newTokenServer(t *testing.T, life time.Duration) *tokenServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: tokenIssuer}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tokenServer{key: key, cert: cert, life: life}
}

// config is the auth section of docker-registry's configuration.
func (s *tokenServer) config(t *testing.T, realm string) string {
	t.Helper()
	bundle := writeFile(t, filepath.Join(t.TempDir(), "root.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert})))
	return fmt.Sprintf("auth: {token: {realm: %q, service: %s, issuer: %s, rootcertbundle: %q}}\n", realm, tokenService, tokenIssuer, bundle)
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != tokenUser || password != tokenPassword {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.issued.Add(1)
	token, err := s.sign(r.URL.Query()["scope"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": int(s.life.Seconds())})
}

func (s *tokenServer) sign(scopes []string) (string, error) {
	access := []map[string]any{}
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		at := strings.LastIndexByte(rest, ':')
		access = append(access, map[string]any{"type": kind, "name": rest[:at], "actions": strings.Split(rest[at+1:], ",")})
	}
	now := time.Now()
	header, err := encodeJSON(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(s.cert)}})
	if err != nil {
		return "", err
	}
	claims, err := encodeJSON(map[string]any{
		"iss": tokenIssuer, "sub": tokenUser, "aud": tokenService, "access": access, "jti": fmt.Sprint(s.issued.Load()),
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(s.life).Unix(),
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(header + "." + claims))
	x, y, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func encodeJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b), err
}
