package certificates_test

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/certificates"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// certificate makes one in DER.
func certificate(tb testing.TB, name string, ca bool, until time.Time, change ...func(*x509.Certificate)) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.AddDate(-10, 0, 0), NotAfter: until,
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	for _, do := range change {
		do(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func inYears(n int) time.Time { return time.Now().AddDate(n, 0, 0) }

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	der := certificate(t, "a", true, inYears(5))
	good := pemOf("CERTIFICATE", der)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "no certificate in PEM"},
		"text":                 {"hello", "no certificate in PEM"},
		"DER":                  {string(der), `"openssl x509 -inform der -in team.pem" converts`},
		"a private key":        {good + pemOf("PRIVATE KEY", []byte("x")), "it has a private key"},
		"an old key":           {pemOf("RSA PRIVATE KEY", []byte("x")) + good, "it has a private key"},
		"a secret one":         {pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), "it has a private key"},
		"a damaged key":        {"-----BEGIN EC PRIVATE KEY-----\n!!\n", "it has a private key"},
		"a request":            {pemOf("CERTIFICATE REQUEST", der), `the type "CERTIFICATE REQUEST"`},
		"a public key":         {good + pemOf("PUBLIC KEY", der), `the type "PUBLIC KEY"`},
		"no X.509":             {pemOf("CERTIFICATE", []byte("x")), "its certificate 1: x509"},
		"a second one that is": {good + pemOf("CERTIFICATE", der[:50]), "its certificate 2: x509"},
		"a damaged block":      {good + strings.Replace(good, "M", "!", 1), "1 of its 2 PEM blocks can be read"},
		"a block without end":  {good + good[:100], "1 of its 2 PEM blocks can be read"},
		"too many":             {strings.Repeat(good, 1001), "more than 1000 certificates"},
	} {
		if _, err := certificates.Parse("ca/team.pem", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Parse = %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	var all []certificates.Certificate
	for i, der := range [][]byte{certificate(t, "good", true, inYears(5)), certificate(t, "old", true, inYears(-1)), certificate(t, "early", true, inYears(20)), certificate(t, "leaf", false, inYears(5)),
		certificate(t, "lax", true, inYears(5), func(c *x509.Certificate) { c.KeyUsage = 0 })} {
		parsed, err := certificates.Parse(fmt.Sprintf("%d.pem", i), []byte(pemOf("CERTIFICATE", der)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parsed...)
	}
	got := strings.Join(certificates.Warnings(all, time.Now()), "\n")
	for _, want := range []string{`(1.pem): "CN=old" has expired on `, `(2.pem): "CN=early" is not valid before `, `(3.pem): "CN=leaf" is not that of a certificate authority`, `(4.pem): "CN=lax" lacks the extension keyUsage`} {
		if !strings.Contains(got, want) {
			t.Errorf("warnings\n%s\nwant one with %q", got, want)
		}
	}
	if strings.Contains(got, "good") {
		t.Errorf("warnings\n%s\nwant none of a good certificate", got)
	}
}

func TestCheckRefusesOneName(t *testing.T) {
	t.Parallel()
	text := []byte(pemOf("CERTIFICATE", certificate(t, "a", true, inYears(5))))
	a, err := certificates.Parse("a/ca.pem", text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := certificates.Parse("b/ca.crt", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificates.Check(append(a, b...)); err == nil || !strings.Contains(err.Error(), "rename one") {
		t.Errorf("Check = %v, want an error for the name ca.crt", err)
	}
}

// entries are a layer of files, by path; a content that begins with "->" is a symlink.
func entries(files ...[2]string) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, f := range files {
			e := layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: f[0], Mode: 0o640, Size: int64(len(f[1]))}, Kept: []byte(f[1])}
			if target, link := strings.CutPrefix(f[1], "->"); link {
				e = layers.Entry{Header: &tar.Header{Typeflag: tar.TypeSymlink, Name: f[0], Linkname: target}}
			}
			if strings.HasSuffix(f[0], "/") {
				e = layers.Entry{Header: &tar.Header{Typeflag: tar.TypeDir, Name: f[0], Mode: 0o755}}
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestLayer(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, "one", true, inYears(5)), certificate(t, "two", true, inYears(5))
	all, err := certificates.Parse("ca/team.pem", []byte("a comment\n"+pemOf("CERTIFICATE", one)+"another\r\n"+strings.ReplaceAll(pemOf("CERTIFICATE", two), "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	bundle := "# Mozilla\n" + pemOf("CERTIFICATE", two)
	for name, c := range map[string]struct {
		root  iter.Seq2[layers.Entry, error]
		want  map[string]string
		alone bool
	}{
		"none": {entries([2]string{"etc/", ""}), map[string]string{
			"etc/ssl/": "", "etc/ssl/cert.pem": "->certs/ca-certificates.crt", "etc/ssl/certs/": "", "etc/ssl/certs/ca-certificates.crt": pemOf("CERTIFICATE", one) + pemOf("CERTIFICATE", two),
			"usr/": "", "usr/local/": "", "usr/local/share/": "", "usr/local/share/ca-certificates/": "",
			"usr/local/share/ca-certificates/team-1.crt": pemOf("CERTIFICATE", one), "usr/local/share/ca-certificates/team-2.crt": pemOf("CERTIFICATE", two)}, true},
		"Alpine's": {entries([2]string{"etc/ssl/cert.pem", "->certs/ca-certificates.crt"}, [2]string{"etc/ssl/certs/ca-certificates.crt", bundle},
			[2]string{"usr/local/share/ca-certificates/", ""}), map[string]string{
			"etc/ssl/certs/ca-certificates.crt":          bundle + pemOf("CERTIFICATE", one),
			"usr/local/share/ca-certificates/team-1.crt": pemOf("CERTIFICATE", one), "usr/local/share/ca-certificates/team-2.crt": pemOf("CERTIFICATE", two)}, false},
		"symlinks": {entries([2]string{"etc/ssl/certs", "->../pki"}, [2]string{"etc/pki/ca-certificates.crt", "->real.crt"}, [2]string{"etc/pki/real.crt", "x"}, [2]string{"etc/ssl/cert.pem", "x"},
			[2]string{"usr/local/share/", ""}), map[string]string{
			"etc/pki/real.crt": "x\n" + pemOf("CERTIFICATE", one) + pemOf("CERTIFICATE", two), "usr/local/share/ca-certificates/": "",
			"usr/local/share/ca-certificates/team-1.crt": pemOf("CERTIFICATE", one), "usr/local/share/ca-certificates/team-2.crt": pemOf("CERTIFICATE", two)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := tree.New([]tree.Layer{{Name: "a", Entries: c.root}}, func(string, int, int) (bool, error) { return true, nil })
			if err != nil {
				t.Fatal(err)
			}
			store, err := layers.OpenStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			l, alone, err := certificates.Layer(t.Context(), all, root, time.Unix(0, 0), layers.MakeOptions{}, store)
			if err != nil {
				t.Fatal(err)
			}
			got := contents(t, store, l.Blob())
			if diff := cmp.Diff(c.want, got); diff != "" || alone != c.alone {
				t.Errorf("alone is %v, want %v; members (-want +got):\n%s", alone, c.alone, diff)
			}
		})
	}
}

// contents are the members of a layer.
func contents(t *testing.T, store *layers.Store, b layers.Blob) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := store.Tar(t.Context(), layers.Source{Digest: b.Digest}, b.DiffID, func(in io.Reader) error {
		for r := tar.NewReader(in); ; {
			h, err := r.Next()
			if err != nil {
				return cmpEOF(err)
			}
			var content bytes.Buffer
			if _, err := io.Copy(&content, r); err != nil {
				return err
			}
			if got[h.Name] = content.String(); h.Typeflag == tar.TypeSymlink {
				got[h.Name] = "->" + h.Linkname
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func cmpEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // tar returns it as it is
		return nil
	}
	return err
}

func FuzzParse(f *testing.F) {
	der := certificate(f, "a", true, inYears(5))
	f.Add([]byte(pemOf("CERTIFICATE", der)))
	f.Add(der)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nA: b\n\n-----END CERTIFICATE-----\n-----BEGIN X"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := certificates.Parse("a.pem", data)
		if (err == nil) != (len(all) > 0) {
			t.Errorf("Parse = %d certificates, %v", len(all), err)
		}
		certificates.Warnings(all, time.Now())
	})
}
