package assemble

import (
	"net/netip"
	"net/url"
)

// PublicURLs are urls without user names, passwords and queries, fit to be written down.
func PublicURLs(urls []string) []string {
	out := make([]string, len(urls))
	for i, s := range urls {
		out[i] = publicURL(s)
	}
	return out
}

func publicURL(s string) string {
	if !isURL(s) {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	u.User, u.RawQuery = nil, "" // a query may be a presigned URL's
	return u.String()
}

// isPublic tells a mirror that a container elsewhere could use: http(s), no credentials, not this machine's loopback.
func isPublic(mirror string) bool {
	u, err := url.Parse(mirror)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Hostname() == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || !ip.IsLoopback()
}
