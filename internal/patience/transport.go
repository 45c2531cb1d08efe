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
	idlePerServer = 50 // most of what is transferred goes to one or two servers
	// pingAfter and pingTimeout find a dead HTTP/2 connection, which another try would use again.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// NewTransport returns a transport that goes through the proxies of the environment and waits for nobody without end.
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

// ErrProxy says that the environment names no usable proxy.
var ErrProxy = errors.New("the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY) is not a valid URL")

// proxy is http.ProxyFromEnvironment, whose errors would show a proxy's password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, ErrProxy
	}
	return u, nil
}
