// Package fetch opens URLs and files as streams. It handles an unreliable network: it waits and tries again, resumes a
// broken transfer, and gives up in bounded time. It returns the bytes of one version of the file, in order, or an
// error. The reader must check that they are the right bytes.
//
// It stores nothing and never writes a user name or a password.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/redact"
)

const (
	defaultJobs    = 8
	defaultRetries = 4 // waits of about 0.5, 1, 2 and 4 s
)

// A Client opens http and https URLs, file URLs and plain paths. The zero value works. A Client must not be copied
// after its first use.
type Client struct {
	HTTP    *http.Client  // nil means a client with time-outs that uses the environment's proxies
	Offline bool          // refuse http and https
	Jobs    int           // concurrent downloads, each from Open to its end or Close; 0 means 8
	Retries int           // tries after the first, counted again from each megabyte received; 0 means 4, below 0 means none
	Stall   time.Duration // how long to wait for headers or the next byte; 0 means 5 s and 10 s, and at most 16 s for tries in a row without progress

	// Credentials finds credentials after a server answered 401. They are sent over https or to this machine, and
	// never along a redirect. nil means that only credentials inside URLs are used.
	Credentials Credentials
	// Registries opens the URLs of the scheme oci; nil means that they are refused. Errors of these are its own.
	Registries Registries
	// Observe is called for each piece of a body that came from the network, by several goroutines. The URL is
	// redacted.
	Observe func(url string, n int)
	// Sleep waits between tries until ctx ends; nil means waiting by the clock.
	Sleep func(ctx context.Context, d time.Duration) error

	// Notice is called at the first failure of a file that is tried again. See [patience.Policy].
	Notice func(host string, cause error, wait time.Duration)

	once    sync.Once
	http    *http.Client
	slots   *semaphore.Weighted
	counted struct{ requests, retries, resumes, bytes atomic.Int64 }
}

// Registries opens what URLs of the scheme oci name.
type Registries interface {
	Open(ctx context.Context, location string) (io.ReadCloser, error)
}

// Stats counts what a Client has done on the network.
type Stats struct {
	Requests, Retries, Resumes int64
	Bytes                      int64 // of bodies
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	return Stats{
		Requests: c.counted.requests.Load(), Retries: c.counted.retries.Load(), Resumes: c.counted.resumes.Load(),
		Bytes: c.counted.bytes.Load(),
	}
}

// ErrOffline is the cause of an Error where Offline is set and the network is needed.
var ErrOffline = errors.New("--offline forbids the network; run once without it, or name a folder or file")

// Open opens a URL or a path for reading. It returns when the server has answered. Errors while reading are of the same
// kind as errors of Open. The caller must close the reader; reading ends with ctx.
//
// All errors are an *Error, which may contain ctx's error. Where the file is missing, errors.Is(err, fs.ErrNotExist) is
// true.
func (c *Client) Open(ctx context.Context, location string) (io.ReadCloser, error) {
	r, _, err := c.OpenIf(ctx, location, "")
	return r, err
}

// OpenIf opens a file that was opened before, unless it has not changed since: then r is nil. validator is what an
// earlier call returned as newValidator, or "". newValidator is "" where the server sends nothing to compare with.
// Local files are always opened and have no validator.
func (c *Client) OpenIf(ctx context.Context, location, validator string) (r io.ReadCloser, newValidator string, err error) {
	scheme, _, isURL := strings.Cut(location, "://")
	if !isURL {
		r, err = openFile(ctx, location, location)
		return r, "", err
	}
	name := redact.URL(location)
	u, err := url.Parse(location)
	if err != nil { // url's error contains the whole URL with its password
		return nil, "", &Error{URL: name, Err: errors.New("this is not a valid URL")}
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return c.start(ctx, u, name, 0, func(d *download) {
			if usable(validator) {
				d.known = validator
			}
		})
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, "", &Error{URL: name, Err: fmt.Errorf("a file URL has no host; did you mean \"file:///%s%s\"?", u.Host, u.Path)}
		}
		r, err = openFile(ctx, name, u.Path)
		return r, "", err
	case "oci":
		r, err = c.openArtifact(ctx, location, name)
		return r, "", err
	}
	return nil, "", &Error{URL: name, Err: fmt.Errorf("unknown scheme %q; expected http, https, file or a plain path", scheme)}
}

// openArtifact opens what is in a registry.
func (c *Client) openArtifact(ctx context.Context, location, name string) (io.ReadCloser, error) {
	switch {
	case c.Offline:
		return nil, &Error{URL: name, Err: ErrOffline}
	case c.Registries == nil:
		return nil, &Error{URL: name, Err: errors.New("no registry is read here")}
	}
	return c.Registries.Open(ctx, location)
}

// start starts a download at an offset, in its own slot. prepare sets what is known of the file. See OpenIf.
func (c *Client) start(ctx context.Context, u *url.URL, name string, offset int64, prepare func(*download)) (io.ReadCloser, string, error) {
	if c.Offline {
		return nil, "", &Error{URL: name, Err: ErrOffline}
	}
	if u.Host == "" {
		return nil, "", &Error{URL: name, Err: errors.New("the URL has no host")}
	}
	c.once.Do(c.init)
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, "", &Error{URL: name, Err: context.Cause(ctx)}
	}
	d := newDownload(c, u, name)
	prepare(d)
	known := d.known
	first, err := d.connect(ctx, offset)
	d.known = "" // after an answer, the tries that resume ask for the file without a condition
	if err != nil {
		c.slots.Release(1)
		if errors.Is(err, errUnchanged) {
			return nil, known, nil
		}
		return nil, "", err
	}
	connect := func(offset int64, after error) (io.ReadCloser, error) {
		if err := d.pause(ctx, after, 0); err != nil {
			return nil, err
		}
		return d.connect(ctx, offset)
	}
	return &body{download: d, attempt: first, connect: connect, release: func() { c.slots.Release(1) }, offset: offset, forgiven: offset}, d.condition, nil
}

// WithCredentials returns a client that shares c's connections and its limit of downloads, and has credentials of its own.
func (c *Client) WithCredentials(own Credentials) *Client {
	c.once.Do(c.init)
	d := &Client{HTTP: c.HTTP, Offline: c.Offline, Jobs: c.Jobs, Retries: c.Retries, Stall: c.Stall, Credentials: own, Registries: c.Registries,
		Observe: c.Observe, Sleep: c.Sleep, Notice: c.Notice, http: c.http, slots: c.slots}
	d.once.Do(func() {}) // it has all that init makes
	return d
}

func (c *Client) init() {
	jobs := c.Jobs
	if jobs <= 0 {
		jobs = defaultJobs
	}
	c.slots = semaphore.NewWeighted(int64(jobs))
	c.http = newHTTPClient(c.HTTP)
}

func (c *Client) policy() patience.Policy {
	p := patience.Policy{Tries: defaultRetries + 1, Sleep: c.Sleep, Notice: c.Notice}
	switch {
	case c.Retries < 0:
		p.Tries = 1
	case c.Retries > 0:
		p.Tries = c.Retries + 1
	}
	return p
}
