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

// A Client is how registries are reached. The zero value works.
type Client struct {
	Keychain      authn.Keychain    // nil means auth.Keychain(os.Getenv)
	Transport     http.RoundTripper // nil means one that honours the proxies of the environment, and CAFile
	CAFile        string            // of certificates in PEM form that are trusted in addition to the system's
	Insecure      bool              // plain http is allowed where https does not answer; to this machine it always is
	InsecureHosts []string          // the same, to these: HOST or HOST:PORT, as in references
	Tries         int               // how often one request or upload is tried; 0 means 6
	Backoff       time.Duration     // the first wait between tries, doubled each time; 0 means 500 ms
	Stall         time.Duration     // how long nothing may move on a request; 0 means 30 s, and less where an answer is small

	// Notice is called at the first failure of something that is tried again, with the wait before the next try. nil is not
	// called. Calls may be concurrent.
	Notice func(host string, cause error, wait time.Duration)
}

// Check reports what is wrong with the options, before anything is sent.
func (c Client) Check() error {
	if c.CAFile == "" {
		return nil
	}
	_, err := trusting(c.CAFile)
	return err
}

// PlainHTTP reports whether plain http to a host, HOST or HOST:PORT, was asked for.
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

// credentials finds those for a repository, and where they came from.
func (c Client) credentials(ctx context.Context, repo name.Repository) (auth.Credential, error) {
	keys := c.Keychain
	if keys == nil {
		keys = auth.Keychain(os.Getenv)
	}
	who, err := auth.Find(ctx, keys, repo)
	return who, newError("finding credentials", repo.Name(), repo.RegistryStr(), auth.Credential{}, err)
}

// transport is the way to all registries.
func (c Client) transport() (http.RoundTripper, error) {
	switch {
	case c.Transport != nil:
		return c.Transport, nil
	case c.CAFile != "":
		return trusting(c.CAFile)
	}
	return shared(), nil
}

// shared is the transport of all registries that trust the system's certificates: calls share its connections.
//
//nolint:gochecknoglobals // as net/http's own DefaultTransport
var shared = sync.OnceValue(patience.NewTransport)

// maxCAFile bounds a file of certificates; the world's public ones have some 200 KiB.
const maxCAFile = 8 << 20

// trusting is a transport that takes the certificates in a file for as good as the system's.
func trusting(file string) (http.RoundTripper, error) {
	pem, err := regular.Read(file, maxCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading CA certificates: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without certificates has these alone
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading CA certificates: %q holds none in PEM form", file)
	}
	t := patience.NewTransport()
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}
