package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/internal/patience"
)

// httpAfter is how long greet waits for an answer by https before it also tries http, where http is allowed.
const httpAfter = 300 * time.Millisecond

// A greeting is a registry's answer to the first request: its scheme, and how clients must authenticate.
type greeting struct {
	scheme string
	way    challenge
}

// greet asks a registry how clients must authenticate, by https and, where that is allowed, by http.
func greet(ctx context.Context, registry name.Registry, way retrying) (greeting, error) {
	return whole(ctx, way.policy, registry.RegistryStr(), func(ctx context.Context) (greeting, error) {
		client := &http.Client{Transport: way.inner, CheckRedirect: checkRedirect}
		if registry.Scheme() != "http" {
			return ping(ctx, client, "https", registry)
		}
		return pingBoth(ctx, client, registry)
	})
}

// pingBoth pings by https. It also pings by http where https fails or does not answer in time. It uses the first
// answer.
func pingBoth(ctx context.Context, client *http.Client, registry name.Registry) (greeting, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		scheme string
		greeting
		error
	}
	results := make(chan result, 2)
	start := func(scheme string) {
		go func() {
			g, err := ping(ctx, client, scheme, registry)
			results <- result{scheme, g, err}
		}()
	}
	start("https")
	silent := time.NewTimer(httpAfter)
	defer silent.Stop()
	failed, both := map[string]error{}, false
	for {
		select {
		case <-silent.C:
		case r := <-results:
			if r.error == nil {
				return r.greeting, nil
			}
			failed[r.scheme] = r.error
			if r.scheme == "https" && isUntrusted(r.error) && hasPort(registry) {
				return greeting{}, r.error // the server speaks TLS at this port, so it does not speak http there
			}
		}
		if !both {
			both = true
			start("http")
		}
		if len(failed) == 2 {
			return greeting{}, neither(failed["https"], failed["http"])
		}
	}
}

// neither returns the error of a registry that does not answer by https or by http. It returns the error of https where
// that may be temporary, or where http was not sent.
func neither(secure, plain error) error {
	var refused *refusedError
	var busy *busyError
	switch {
	case errors.As(secure, &busy), errors.As(plain, &refused) && patience.Temporary(secure):
		return secure // the registry may be starting
	case errors.As(plain, &refused):
		return &plainRefusedError{secure, refused}
	}
	return plain
}

// A plainRefusedError says that a registry does not answer by https, and that plain http is not allowed.
type plainRefusedError struct {
	error
	refused *refusedError
}

func (e *plainRefusedError) Unwrap() error { return e.error }

// isUntrusted reports whether the cause is a certificate.
func isUntrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}

// hasPort reports whether a registry's name has a port. One port serves either https or http.
func hasPort(registry name.Registry) bool {
	_, _, err := net.SplitHostPort(registry.RegistryStr())
	return err == nil
}

// A busyError is an answer to the first request with a status other than 200 and 401.
type busyError struct {
	error
	status     int
	retryAfter time.Duration
}

func (e *busyError) Unwrap() error { return e.error }

// ping sends one request.
func ping(ctx context.Context, client *http.Client, scheme string, registry name.Registry) (greeting, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return greeting{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return greeting{}, err
	}
	defer func() { _ = discard(resp) }()
	if err := checkStatus(resp, http.StatusOK, http.StatusUnauthorized); err != nil {
		return greeting{}, &busyError{err, resp.StatusCode, patience.RetryAfter(resp.Header)}
	}
	g := greeting{scheme: resp.Request.URL.Scheme}
	if resp.StatusCode == http.StatusUnauthorized {
		g.way, _ = readChallenge(resp.Header)
	}
	return g, nil
}
