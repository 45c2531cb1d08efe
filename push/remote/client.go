package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push/auth"
)

// A Client has the options for reaching registries. The zero value works.
type Client struct {
	Keychain      authn.Keychain    // nil means auth.Keychain(os.Getenv)
	Transport     http.RoundTripper // nil means a transport that uses the environment's proxies, and CAFile
	CAFile        string            // a file of certificates in PEM form that are trusted in addition to the system's
	Insecure      bool              // allow plain http where https does not answer; it is always allowed to this machine
	InsecureHosts []string          // allow plain http to these: HOST or HOST:PORT, as in references
	Tries         int               // how often one request or upload is tried; 0 means 6
	Backoff       time.Duration     // the first wait between tries, doubled each time; 0 means 500 ms
	Stall         time.Duration     // how long a request may make no progress; 0 means 30 s, or less where the answer is small

	// Notice, if not nil, is called at the first failure of a request or upload that is tried again. wait is the time
	// until the next try. Calls may be concurrent.
	Notice func(host string, cause error, wait time.Duration)
}

// Check returns the faults of the options. It sends nothing.
func (c Client) Check() error {
	if c.CAFile == "" {
		return nil
	}
	_, err := trusting(c.CAFile)
	return err
}

// PlainHTTP reports whether the options allow plain http to a host, HOST or HOST:PORT.
func (c Client) PlainHTTP(host string) bool {
	return c.Insecure || slices.Contains(c.InsecureHosts, host)
}

func (c Client) policy() patience.Policy {
	p := patience.Policy{Tries: max(c.Tries, 0), First: max(c.Backoff, 0)}
	if c.Notice != nil {
		p.Notice = func(host string, cause error, wait time.Duration) { c.Notice(host, redact.Cause(cause), wait) }
	}
	return p
}

// credentials returns the credentials for a repository, and where they were found.
func (c Client) credentials(ctx context.Context, repo name.Repository) (auth.Credential, error) {
	keys := c.Keychain
	if keys == nil {
		keys = auth.Keychain(os.Getenv)
	}
	cred, err := auth.Find(ctx, keys, repo)
	return cred, newError("finding credentials", repo.Name(), repo.RegistryStr(), auth.Credential{}, err)
}

// transport returns the transport for all registries.
func (c Client) transport() (http.RoundTripper, error) {
	switch {
	case c.Transport != nil:
		return c.Transport, nil
	case c.CAFile != "":
		return trusting(c.CAFile)
	}
	return shared(), nil
}

// shared is the transport for registries with the system's certificates. All calls share its connections.
//
//nolint:gochecknoglobals // as net/http's own DefaultTransport
var shared = sync.OnceValue(patience.NewTransport)

// maxCAFile bounds a file of certificates. The certificates of all public authorities have some 200 KiB.
const maxCAFile = 8 << 20

// trusting returns a transport that trusts the certificates in a file and the system's.
func trusting(file string) (http.RoundTripper, error) {
	pem, err := regular.Read(file, maxCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading CA certificates: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // the machine has no certificates: trust those in the file only
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading CA certificates: %q has no certificate in PEM form", file)
	}
	t := patience.NewTransport()
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}
