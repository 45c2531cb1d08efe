// Package fetch opens URLs and files as streams that survive a bad network: it waits and tries again, picks a broken body
// up where it broke, and gives up in bounded time. What it returns is the server's bytes in order or an error,
// never a mixture of two versions; whether they are the right bytes is for the reader to check.
//
// It stores nothing, and it never writes a user name or a password anywhere.
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

// A Client opens http and https URLs, file URLs and plain paths. The zero value works; it must not be copied once used.
type Client struct {
	HTTP    *http.Client  // nil is one with time-outs and the environment's proxies
	Offline bool          // http and https are refused
	Jobs    int           // concurrent downloads, each from Open to its end or Close; 0 is 8
	Retries int           // tries after the first, anew after each megabyte that came; 0 is 4, below 0 none
	Stall   time.Duration // how long to wait for headers or for the next byte; 0 is 5 s and 10 s, and all tries in a row get nowhere for 16 s at most

	// Credentials are asked after a server answered 401; what they give goes over https, or to this machine, and never to where a
	// redirect leads. nil: only those inside URLs.
	Credentials Credentials
	// Observe is told of each piece of a body that came from the network, by several goroutines. The URL is redacted.
	Observe func(url string, n int)
	// Sleep waits between tries until ctx ends; nil is by the clock.
	Sleep func(ctx context.Context, d time.Duration) error

	// Notice is told of the first failure of a file that is tried again. See [patience.Policy].
	Notice func(host string, cause error, wait time.Duration)

	once    sync.Once
	http    *http.Client
	slots   *semaphore.Weighted
	counted struct{ requests, retries, resumes, bytes atomic.Int64 }
}

// Stats says what a Client did on the network so far.
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

// ErrOffline is the cause of an Error where the network would have been needed and Offline is set.
var ErrOffline = errors.New("--offline forbids the network; run once without it, or name a folder or file")

// Open opens a URL or a path for reading. It returns once the server has answered; errors while reading are of the same
// kind as those of Open. The reader must be closed, and ends with ctx.
//
// All errors are an *Error, or ctx's own inside one. Where there is no such file, errors.Is(err, fs.ErrNotExist).
func (c *Client) Open(ctx context.Context, location string) (io.ReadCloser, error) {
	r, _, err := c.OpenIf(ctx, location, "")
	return r, err
}

// OpenIf is Open for a file that was opened before, if it has changed since: validator is what the earlier answer gave, ""
// where there was none. Where the server says that the file is the same, r is nil. newValidator is for the next time, "" where
// the server gives nothing to ask with; files and paths are always opened, and have none.
func (c *Client) OpenIf(ctx context.Context, location, validator string) (r io.ReadCloser, newValidator string, err error) {
	scheme, _, isURL := strings.Cut(location, "://")
	if !isURL {
		r, err = openFile(ctx, location, location)
		return r, "", err
	}
	name := redact.URL(location)
	u, err := url.Parse(location)
	if err != nil { // whose text has the URL as it is, password and all
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
			return nil, "", &Error{URL: name, Err: fmt.Errorf("file URLs name no host; did you mean \"file:///%s%s\"?", u.Host, u.Path)}
		}
		r, err = openFile(ctx, name, u.Path)
		return r, "", err
	}
	return nil, "", &Error{URL: name, Err: fmt.Errorf("no such scheme %q here; http, https, file and plain paths are known", scheme)}
}

// start starts a download at an offset, in a slot of its own; prepare says what is known of the file. See OpenIf.
func (c *Client) start(ctx context.Context, u *url.URL, name string, offset int64, prepare func(*download)) (io.ReadCloser, string, error) {
	if c.Offline {
		return nil, "", &Error{URL: name, Err: ErrOffline}
	}
	if u.Host == "" {
		return nil, "", &Error{URL: name, Err: errors.New("the URL names no host")}
	}
	c.once.Do(c.init)
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, "", &Error{URL: name, Err: context.Cause(ctx)}
	}
	d := newDownload(c, u, name)
	prepare(d)
	known := d.known
	first, err := d.connect(ctx, offset)
	d.known = "" // what breaks off is wanted, whatever it is
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
