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

// httpAfter is how long https may be silent before http is tried, too, where that is allowed.
const httpAfter = 300 * time.Millisecond

// A greeting is a registry's answer to the first request: its scheme, and how it wants to be asked.
type greeting struct {
	scheme string
	way    challenge
}

// greet asks a registry how it wants to be asked, by https and, where that is allowed, by http.
func greet(ctx context.Context, registry name.Registry, way retrying) (greeting, error) {
	return whole(ctx, way.policy, registry.RegistryStr(), func(ctx context.Context) (greeting, error) {
		Client := &http.Client{Transport: way.inner, CheckRedirect: checkRedirect}
		if registry.Scheme() != "http" {
			return ping(ctx, Client, "https", registry)
		}
		return pingBoth(ctx, Client, registry)
	})
}

// pingBoth pings by https, and by http where https fails or is silent. The first answer counts.
func pingBoth(ctx context.Context, Client *http.Client, registry name.Registry) (greeting, error) {
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
			g, err := ping(ctx, Client, scheme, registry)
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
				return greeting{}, r.error // what speaks TLS at this port does not speak http there
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

// neither is the error of a registry that neither https nor http reaches. The error of https counts where it may pass, or
// where http was not sent.
func neither(secure, plain error) error {
	var refused *refusedError
	var busy *busyError
	switch {
	case errors.As(secure, &busy), errors.As(plain, &refused) && patience.Temporary(secure):
		return secure // it may be starting
	case errors.As(plain, &refused):
		return &plainRefusedError{secure, refused}
	}
	return plain
}

// A plainRefusedError is a registry that https does not reach, and plain http must not.
type plainRefusedError struct {
	error
	refused *refusedError
}

func (e *plainRefusedError) Unwrap() error { return e.error }

// isUntrusted says whether a certificate is at fault.
func isUntrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}

// hasPort says whether a registry is named with its port, which serves https or http.
func hasPort(registry name.Registry) bool {
	_, _, err := net.SplitHostPort(registry.RegistryStr())
	return err == nil
}

// A busyError is an answer to the first request that is neither 200 nor 401.
type busyError struct {
	error
	status     int
	retryAfter time.Duration
}

func (e *busyError) Unwrap() error { return e.error }

// ping makes one request.
func ping(ctx context.Context, Client *http.Client, scheme string, registry name.Registry) (greeting, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return greeting{}, err
	}
	resp, err := Client.Do(req)
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
