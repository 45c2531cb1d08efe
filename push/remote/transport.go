package remote

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// A refusedError says why we did not send a request.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// guarded counts the answers. It refuses requests that could leak credentials or an image: plain http that is not
// allowed, a redirect from https to http, and a redirect of a body or a credential to another host. All requests pass
// through it, also those of the login.
type guarded struct {
	inner    http.RoundTripper
	insecure func(host string) bool // allows plain http; to this machine it is always allowed
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
		return fmt.Sprintf("plain http to %[1]q is not allowed; --insecure %[1]s allows it", req.URL.Host)
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

// isLoopback reports whether a host is this machine. It looks at the name only.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// isInternal reports whether a host is an address that only an internal network can reach.
func isInternal(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}
