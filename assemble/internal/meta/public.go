package meta

import (
	"net/netip"
	"net/url"
)

// isPublic reports whether a container elsewhere could use a mirror: http(s), no credentials or query, not this machine's
// loopback.
func isPublic(mirror string) bool {
	u, err := url.Parse(mirror)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Hostname() == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || !ip.IsLoopback()
}
