package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/pyimg/pyimg/internal/patience"
)

const (
	maxRedirects = 10
	userAgent    = "pyimg"
)

// newHTTPClient returns a copy of base, or a client with time-outs, that follows our rules for redirects.
func newHTTPClient(base *http.Client) *http.Client {
	if base == nil {
		base = &http.Client{Transport: patience.NewTransport()}
	}
	hc := *base
	hc.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := checkRedirect(req, via); err != nil || base.CheckRedirect == nil {
			return err
		}
		return base.CheckRedirect(req, via)
	}
	return &hc
}

// errRedirect is the error of a redirect that is not followed.
var errRedirect = errors.New("refusing a redirect")

// checkRedirect refuses redirects to a less secure scheme and removes credentials from redirects to another host.
// net/http itself sends credentials to subdomains and, on the same host, from https to http.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("%w: %d redirects were followed already", errRedirect, len(via))
	}
	first, last := via[0].URL, via[len(via)-1].URL
	if last.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w from https down to %s on host %q", errRedirect, req.URL.Scheme, req.URL.Host)
	}
	if req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return fmt.Errorf("%w to scheme %q", errRedirect, req.URL.Scheme)
	}
	req.URL.User = nil // the server wrote these credentials, not the user
	req.Header.Del("Referer")
	crossed := func(r *http.Request) bool { return !sameOrigin(first, r.URL) }
	if crossed(req) || slices.ContainsFunc(via, crossed) { // also on a redirect back to the first host
		req.Header.Del("Authorization")
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
