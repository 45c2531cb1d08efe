package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serveTLS serves one page on loopback with /tls/server.pem, and asks for it with the image's own Python, which verifies.
const serveTLS = `import http.server, ssl, threading, urllib.request

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"trusted\n")

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(urllib.request.urlopen(f"https://127.0.0.1:{server.server_port}/").read().decode(), end="")`

// TestPythonTrustsTheCertificates: a real Python trusts a server with a certificate of the spec's authority, and does not without.
func TestPythonTrustsTheCertificates(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir, cli, cache := openDir(t), pyimg(t), t.TempDir()
	writeAuthority(t, dir)
	text := s.alpine() + fmt.Sprintf("platforms: [linux/amd64]\npackages: [alpine-baselayout, busybox, ca-certificates-bundle]\nruntime: {source: %q}\nbytecode: none\nimage: {cmd: [python3]}\n", s.cpython())
	run := func(name, text string) result {
		spec := writeFile(t, filepath.Join(dir, name), text)
		return cli.run(t, "run", "--cache-dir", cache, "--network", "none", "--mount", dir+":/tls", spec, "python3", "-c", serveTLS)
	}
	if r := run("with.yaml", text+"certificates: [authority.pem]\n"); r.code != 0 || r.stdout != "trusted\n" {
		t.Errorf("with the certificate: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := run("without.yaml", text); r.code == 0 || !strings.Contains(r.stderr, "CERTIFICATE_VERIFY_FAILED") {
		t.Errorf("without the certificate: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// writeAuthority writes authority.pem, and server.pem with a key and a certificate of that authority for 127.0.0.1.
func writeAuthority(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Team"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1}}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: []byte{2}}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	signed := func(c *x509.Certificate) string {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, key)
		return block("CERTIFICATE", der, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	writeFile(t, filepath.Join(dir, "authority.pem"), signed(authority))
	writeFile(t, filepath.Join(dir, "server.pem"), block("PRIVATE KEY", der, err)+signed(server))
}
