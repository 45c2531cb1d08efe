package patience

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	dialTimeout   = 15 * time.Second
	tlsTimeout    = 15 * time.Second
	idleTimeout   = 90 * time.Second
	idlePerServer = 50 // most transfers use one or two servers
	// pingAfter and pingTimeout find a dead HTTP/2 connection. Without them the next try would use it again.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// NewTransport returns a transport that uses the environment's proxies and bounds every wait.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   tlsTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   idlePerServer,
		ExpectContinueTimeout: time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
}

// ErrProxy says that the proxy in the environment is not a valid URL.
var ErrProxy = errors.New("the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY) is not a valid URL")

// proxy is http.ProxyFromEnvironment with errors that do not contain a proxy's password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, ErrProxy
	}
	return u, nil
}
