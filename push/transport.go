package push

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/regular"
)

// A refusedError is a request that we did not send.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// guarded counts what is answered and refuses what would carry credentials or an image where they do not belong: plain
// http that was not asked for, a redirect from https to http, and a body or a credential along a redirect to another host.
// It stands below everything else that makes requests, the library's own ping and token exchange included.
type guarded struct {
	inner    http.RoundTripper
	insecure func(host string) bool // plain http is allowed there; to this machine it always is
	answered *atomic.Int64
}

func (t guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if reason := t.refuse(req); reason != "" {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &refusedError{reason}
	}
	resp, err := t.inner.RoundTrip(req)
	if err == nil {
		t.answered.Add(1)
	}
	return resp, err
}

func (t guarded) refuse(req *http.Request) string {
	if req.URL.Scheme == "http" && !isLoopback(req.URL.Hostname()) && !t.insecure(req.URL.Host) {
		return fmt.Sprintf("plain http to %[1]q was not asked for; --insecure %[1]s allows it", req.URL.Host)
	}
	if req.Response == nil || req.Response.Request == nil { // not a redirect
		return ""
	}
	from := req.Response.Request.URL
	switch {
	case from.Scheme == "https" && req.URL.Scheme == "http":
		return fmt.Sprintf("%q redirects to plain http at %q", from.Host, req.URL.Host)
	case from.Host != req.URL.Host && req.Method != http.MethodGet && req.Method != http.MethodHead:
		return fmt.Sprintf("%q redirects a %s to another host, %q", from.Host, req.Method, req.URL.Host)
	}
	return ""
}

// isLoopback says whether a host is this machine by its name alone.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// isInternal says whether a host is an address that only this network can reach.
func isInternal(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}

// transport is the way to all registries of one call.
func (r Registry) transport(answered *atomic.Int64) (retrying, error) {
	inner := r.Transport
	if inner == nil && r.CAFile != "" {
		t, err := trusting(r.CAFile)
		if err != nil {
			return retrying{}, err
		}
		inner = t
	}
	if inner == nil {
		inner = shared()
	}
	guard := guarded{inner: inner, insecure: r.insecure, answered: answered}
	return retrying{inner: stalling{inner: guard, stall: r.Stall}, policy: r.policy()}, nil
}

// shared is the transport of all registries that trust the system's certificates: calls share its connections.
//
//nolint:gochecknoglobals // as net/http's own DefaultTransport
var shared = sync.OnceValue(patience.NewTransport)

// insecure says whether plain http to a host, HOST or HOST:PORT, was asked for.
func (r Registry) insecure(host string) bool {
	return r.Insecure || slices.Contains(r.InsecureHosts, host)
}

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

func (r Registry) policy() patience.Policy {
	p := patience.Policy{Tries: max(r.Tries, 0), First: max(r.Backoff, 0)}
	if r.Notice != nil {
		p.Notice = func(host string, cause error, wait time.Duration) { r.Notice(host, redact.Cause(cause), wait) }
	}
	return p
}
