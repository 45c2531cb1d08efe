// Package certificates adds certificates to those that an image trusts: it reads PEM files strictly, and makes the layer that has them
// where Alpine's tools look for them.
package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// MaxFile is the most bytes that a file of certificates may have; all of Mozilla's have 220 KiB.
const MaxFile = 1 << 20

// maxInFile is the most certificates of one file; Mozilla has 150.
const maxInFile = 1000

// A Certificate is one that an image is to trust.
type Certificate struct {
	File string // that it was read from
	name string // of its own file in the image, without a folder
	x509 *x509.Certificate
}

const certificateBlock = "CERTIFICATE"

// Parse reads a file of certificates in PEM (RFC 7468). Text around them is ignored; anything else in PEM is an error, a private key
// above all.
func Parse(file string, data []byte) ([]Certificate, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, errors.New("it has a private key, which must not get into an image; name a file that has certificates alone")
	}
	var all []Certificate
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != certificateBlock {
			return nil, fmt.Errorf("it has a PEM block of the type %q, expected %q", block.Type, certificateBlock)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("its certificate %d: %w", len(all)+1, err)
		}
		if all = append(all, Certificate{File: file, x509: c}); len(all) > maxInFile {
			return nil, fmt.Errorf("it has more than %d certificates", maxInFile)
		}
	}
	if n := bytes.Count(data, []byte("-----BEGIN ")); n != len(all) {
		return nil, fmt.Errorf("%d of its %d PEM blocks can be read, the others are damaged", len(all), n)
	}
	if len(all) == 0 {
		hint := ""
		if _, err := x509.ParseCertificate(data); err == nil {
			hint = fmt.Sprintf(`; this is one in DER, which "openssl x509 -inform der -in %s" converts`, path.Base(file))
		}
		return nil, errors.New("it has no certificate in PEM (-----BEGIN CERTIFICATE-----)" + hint)
	}
	nameAll(all, strings.TrimSuffix(path.Base(file), path.Ext(file)))
	return all, nil
}

// nameAll gives each certificate a file of its own, as update-ca-certificates wants it.
func nameAll(all []Certificate, name string) {
	for i := range all {
		if all[i].name = name + ".crt"; len(all) > 1 {
			all[i].name = fmt.Sprintf("%s-%d.crt", name, i+1)
		}
	}
}

// pem is the certificate as it is written. It does not depend on how its file was formatted.
func (c Certificate) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c.x509.Raw})
}

// Warnings says what a person should know about certificates at a time: those that have expired or are not valid yet, those that
// can sign no others, and those that a strict program refuses. Python's ssl is strict since 3.13 (VERIFY_X509_STRICT).
func Warnings(all []Certificate, now time.Time) []string {
	var warnings []string
	for _, c := range all {
		warn := func(format string, args ...any) {
			warnings = append(warnings, fmt.Sprintf("certificates (%s): %q ", c.File, c.x509.Subject)+fmt.Sprintf(format, args...))
		}
		const day = "2006-01-02"
		switch {
		case now.After(c.x509.NotAfter):
			warn("has expired on %s", c.x509.NotAfter.UTC().Format(day))
		case now.Before(c.x509.NotBefore):
			warn("is not valid before %s", c.x509.NotBefore.UTC().Format(day))
		}
		switch {
		case !c.x509.IsCA && c.x509.BasicConstraintsValid:
			warn("is not that of a certificate authority: programs accept no others that it signed")
		case c.x509.IsCA && (c.x509.KeyUsage == 0 || len(c.x509.SubjectKeyId) == 0):
			warn("lacks the extension keyUsage or subjectKeyIdentifier: Python 3.13 and later trust nothing that it signed; have its authority issue it again with both")
		}
	}
	return warnings
}

// Check refuses two certificates that would have the same file in the image.
func Check(all []Certificate) error {
	from := make(map[string]string)
	for _, c := range all {
		if other, taken := from[c.name]; taken {
			return fmt.Errorf("certificates of %s and %s are both called %s in the image; rename one of these files", other, c.File, c.name)
		}
		from[c.name] = c.File
	}
	return nil
}

// joined is a bundle with the certificates that it does not have yet.
func joined(bundle []byte, all []Certificate) []byte {
	has := make(map[string]bool)
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		has[string(block.Bytes)] = true
	}
	out := bytes.Clone(bundle)
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n')
	}
	for _, c := range all {
		if raw := string(c.x509.Raw); !has[raw] {
			has[raw] = true
			out = append(out, c.pem()...)
		}
	}
	return out
}
