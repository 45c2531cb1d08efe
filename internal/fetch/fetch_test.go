package fetch_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// waits is a Sleep that only records its waits.
type waits struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	return ctx.Err()
}

// start serves one file at the returned URL.
func start(t *testing.T, data []byte, faults ...fixture.Fault) (*fixture.Mirror, string) {
	t.Helper()
	m := fixture.NewMirror()
	m.Put("file", data)
	for _, f := range faults {
		m.Fail(f)
	}
	base, err := m.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m, base + "/file"
}

func read(ctx context.Context, c *fetch.Client, location string) ([]byte, error) {
	r, err := c.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestSurvives(t *testing.T) {
	t.Parallel()
	data := fixture.Bulk("survives", 1<<20)
	for name, tt := range map[string]struct {
		fault    fixture.Fault
		requests int
		resumes  int64
	}{
		"nothing wrong":       {fixture.Fault{Path: "elsewhere", Status: 500}, 1, 0},
		"request timeout":     {fixture.Fault{Times: 1, Status: http.StatusRequestTimeout}, 2, 0},
		"too many requests":   {fixture.Fault{Times: 2, Status: http.StatusTooManyRequests}, 3, 0},
		"bad gateway":         {fixture.Fault{Times: 4, Status: http.StatusBadGateway}, 5, 0},
		"body breaks":         {fixture.Fault{Times: 1, Truncate: 300_000}, 2, 1},
		"body breaks at once": {fixture.Fault{Times: 1, Truncate: 1}, 2, 1},
		"body breaks thrice":  {fixture.Fault{Times: 3, Truncate: 300_000}, 4, 3},
		"body stalls":         {fixture.Fault{Times: 1, Stall: 300_000}, 2, 1},
		"headers stall":       {fixture.Fault{Times: 1, Delay: time.Hour}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, location := start(t, data, tt.fault)
			c := fetch.Client{Sleep: new(waits).sleep}
			if tt.fault.Stall > 0 || tt.fault.Delay > 0 {
				c.Stall = 300 * time.Millisecond // longer than a busy machine needs to answer
			}
			got, err := read(t.Context(), &c, location)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data) {
				t.Errorf("got %d bytes that are not the file's %d", len(got), len(data))
			}
			if n := m.Count("", ""); n != tt.requests {
				t.Errorf("%d requests, want %d: %+v", n, tt.requests, m.Requests())
			}
			if s := c.Stats(); s.Resumes != tt.resumes || s.Bytes != int64(len(data)) {
				t.Errorf("Stats() = %+v, want %d resumes and %d bytes", s, tt.resumes, len(data))
			}
		})
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault    fixture.Fault
		requests int
		status   int
		is       error
		says     string
	}{
		"not found":     {fixture.Fault{Status: 404}, 1, 404, fs.ErrNotExist, "404 Not Found"},
		"gone":          {fixture.Fault{Status: 410}, 1, 410, fs.ErrNotExist, "410 Gone"},
		"forbidden":     {fixture.Fault{Status: 403}, 1, 403, fs.ErrPermission, "403 Forbidden"},
		"unauthorized":  {fixture.Fault{Status: 401}, 1, 401, fs.ErrPermission, "401 Unauthorized"},
		"always busy":   {fixture.Fault{Status: 503}, 5, 503, nil, "giving up after 5 tries: the server answers 503"},
		"always breaks": {fixture.Fault{Truncate: 10}, 5, 0, io.ErrUnexpectedEOF, "giving up after 5 tries"},
		"always stalls": {fixture.Fault{Stall: 10}, 5, 0, nil, "no data was transferred for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, location := start(t, fixture.Bulk(name, 1000), tt.fault)
			c := fetch.Client{Sleep: new(waits).sleep}
			if tt.fault.Stall > 0 {
				c.Stall = 300 * time.Millisecond // longer than a busy machine needs to see each request
			}
			_, err := read(t.Context(), &c, location)
			var fe *fetch.Error
			if !errors.As(err, &fe) || fe.URL != location || fe.Status != tt.status {
				t.Fatalf("error %#v, want an *Error with status %d for %q", err, tt.status, location)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("errors.Is(%q, %q) = false", err, tt.is)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
			if n := m.Count("", ""); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		retryAfter string
		min, max   time.Duration // bounds of the third wait
	}{
		"growing":           {"", time.Second, 2 * time.Second},
		"seconds":           {"7", 7 * time.Second, 7 * time.Second},
		"a minute":          {"60", time.Minute, time.Minute},
		"a date gone by":    {"Fri, 31 Dec 1999 23:59:59 GMT", time.Second, 2 * time.Second},
		"below zero":        {"-5", time.Second, 2 * time.Second},
		"not understood":    {"soon", time.Second, 2 * time.Second},
		"less than backoff": {"1", time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, location := start(t, []byte("data"), fixture.Fault{Times: 3, Status: 503, RetryAfter: tt.retryAfter})
			var w waits
			c := fetch.Client{Sleep: w.sleep}
			if _, err := read(t.Context(), &c, location); err != nil {
				t.Fatal(err)
			}
			if len(w.list) != 3 || w.list[2] < tt.min || w.list[2] > tt.max {
				t.Errorf("waits %v, want three of which the last is within %v and %v", w.list, tt.min, tt.max)
			}
		})
	}
}

// TestTooLongWaits: a server that asks us to wait for more than a minute is asked once.
func TestTooLongWaits(t *testing.T) {
	t.Parallel()
	for _, retryAfter := range []string{"61", "86400", "9223372036854775807", "Fri, 31 Dec 2100 23:59:59 GMT"} {
		m, location := start(t, []byte("data"), fixture.Fault{Times: 1, Status: 503, RetryAfter: retryAfter})
		c := fetch.Client{Sleep: new(waits).sleep}
		_, err := read(t.Context(), &c, location)
		if n := m.Count("", ""); err == nil || n != 1 || !strings.Contains(err.Error(), "asks us to wait") {
			t.Errorf("Retry-After %q: error %v after %d requests, want one of the wait after 1", retryAfter, err, n)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	var w waits
	c := fetch.Client{Sleep: w.sleep, Retries: 2}
	_, err := read(t.Context(), &c, "http://127.0.0.1:1/file")
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v, want one that says refused", err)
	}
	if len(w.list) != 2 {
		t.Errorf("waits %v, want two", w.list)
	}
}

func TestNoRetries(t *testing.T) {
	t.Parallel()
	m, location := start(t, nil, fixture.Fault{Status: 503})
	c := fetch.Client{Retries: -1}
	if _, err := read(t.Context(), &c, location); err == nil || strings.Contains(err.Error(), "giving up") {
		t.Errorf("error %v, want the plain answer", err)
	}
	if n := m.Count("", ""); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestProgressForgives(t *testing.T) {
	t.Parallel()
	data := fixture.Bulk("forgiven", 8<<20)
	_, location := start(t, data, fixture.Fault{Times: 6, Truncate: 5 << 18}) // breaks six times, each after more than a megabyte
	c := fetch.Client{Sleep: new(waits).sleep, Retries: 1}
	got, err := read(t.Context(), &c, location)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, error %v; want all %d", len(got), err, len(data))
	}
}

// TestChanged replaces the file during the transfer: the halves must not be joined.
func TestChanged(t *testing.T) {
	t.Parallel()
	m, location := start(t, fixture.Bulk("old", 1<<20), fixture.Fault{Times: 1, Truncate: 300_000})
	c := fetch.Client{Sleep: func(context.Context, time.Duration) error {
		m.Put("file", fixture.Bulk("new", 1<<20))
		return nil
	}}
	if _, err := read(t.Context(), &c, location); err == nil || !strings.Contains(err.Error(), "no longer has this range of the same file") {
		t.Errorf("error %v, want one that says that the file is not the same", err)
	}
}

func TestRangeIgnored(t *testing.T) {
	t.Parallel()
	_, location := start(t, fixture.Bulk("whole", 1<<20),
		fixture.Fault{Times: 1, Truncate: 300_000}, fixture.Fault{NoRange: true})
	c := fetch.Client{Sleep: new(waits).sleep}
	if _, err := read(t.Context(), &c, location); err == nil || !strings.Contains(err.Error(), "no longer has this range") {
		t.Errorf("error %v, want one that says that the server no longer has the range", err)
	}
}

// TestOddResume answers the range request in ways that a careless client would accept.
func TestOddResume(t *testing.T) {
	t.Parallel()
	const text = "0123456789"
	for name, tt := range map[string]struct {
		tag, modified string // headers of the first answer
		contentRange  string
		tag2          string
		body, says    string
	}{
		"as it should be":        {`"a"`, "", "bytes 4-9/10", `"a"`, "456789", ""},
		"by the date":            {"", "Wed, 22 May 2024 09:00:00 GMT", "bytes 4-9/10", "", "456789", ""},
		"size unknown":           {`"a"`, "", "bytes 4-9/*", `"a"`, "456789", ""},
		"another place":          {`"a"`, "", "bytes 5-9/10", `"a"`, "56789", `range "bytes 5-9/10"`},
		"another size":           {`"a"`, "", "bytes 4-10/11", `"a"`, "456789x", `range "bytes 4-10/11"`},
		"no place":               {`"a"`, "", "", `"a"`, "456789", `range ""`},
		"another unit":           {`"a"`, "", "lines 4-9/10", `"a"`, "456789", `range "lines 4-9/10"`},
		"another tag":            {`"a"`, "", "bytes 4-9/10", `"b"`, "456789", "changed on the server"},
		"a weak tag":             {`W/"a"`, "Wed, 22 May 2024 09:00:00 GMT", "", "", "", "neither ETag nor Last-Modified"},
		"no tag":                 {"", "", "", "", "", "neither ETag nor Last-Modified"},
		"ends early again":       {`"a"`, "", "bytes 4-9/10", `"a"`, "45", "giving up after 2 tries"},
		"the answer is too long": {`"a"`, "", "bytes 4-9/10", `"a"`, "456789extra", "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixture.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") == "" {
					for key, v := range map[string]string{"ETag": tt.tag, "Last-Modified": tt.modified} {
						if v != "" {
							w.Header().Set(key, v)
						}
					}
					w.Header().Set("Content-Length", "10")
					_, _ = io.WriteString(w, text[:4])
					return
				}
				if got, want := r.Header.Get("If-Range"), tt.tag+tt.modified; got != want {
					t.Errorf("If-Range: %q, want %q", got, want)
				}
				w.Header().Set("Content-Range", tt.contentRange)
				w.Header().Set("ETag", tt.tag2)
				w.WriteHeader(http.StatusPartialContent)
				_, _ = io.WriteString(w, tt.body)
			})}
			base, err := s.Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c := fetch.Client{Sleep: new(waits).sleep, Retries: 1}
			got, err := read(t.Context(), &c, base+"/file")
			if tt.says == "" && (err != nil || string(got) != text) {
				t.Errorf("got %q, error %v; want %q", got, err, text)
			}
			if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %q, error %v; want one that says %q", got, err, tt.says)
			}
		})
	}
}

func TestOffline(t *testing.T) {
	t.Parallel()
	m, location := start(t, []byte("data"))
	c := fetch.Client{Offline: true}
	_, err := c.Open(t.Context(), strings.Replace(location, "://", "://me:secret@", 1))
	if !errors.Is(err, fetch.ErrOffline) || !strings.Contains(err.Error(), location) || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("error %v, want ErrOffline that names %q", err, location)
	}
	if n := m.Count("", ""); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t.Context(), &c, file); err != nil || string(got) != "data" {
		t.Errorf("a local file gives %q, error %v", got, err)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	_, location := start(t, []byte("data"))
	c := fetch.Client{Jobs: 2}
	first, err := c.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Open(ctx, location); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a third download: %v, want it to wait", err)
	}
	if _, err := io.Copy(io.Discard, first); err != nil { // the end frees the slot
		t.Fatal(err)
	}
	if _, err := read(t.Context(), &c, location); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	_ = first.Close() // must not free the slot again
	third, err := c.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Open(ctx, location); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third download: %v, want it to wait", err)
	}
	_, _ = second.Close(), third.Close()
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fixture.Fault{
		"while waiting for headers": {Delay: time.Hour},
		"while reading":             {Stall: 100},
		"between tries":             {Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, location := start(t, fixture.Bulk(name, 1000), fault)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			begun := time.Now()
			_, err := read(ctx, &fetch.Client{}, location)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), location) {
				t.Errorf("error %v, want one of cancelling that names %q", err, location)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestSleepsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fetch.Client{HTTP: &http.Client{Transport: broken{}}}
		begun := time.Now()
		if _, err := c.Open(t.Context(), "http://example.org/file"); err == nil {
			t.Error("no error")
		}
		// There are four waits of 0.5, 1, 2 and 4 s. Half of each is random.
		if took := time.Since(begun); took < 3750*time.Millisecond || took > 7500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestObserve(t *testing.T) {
	t.Parallel()
	_, location := start(t, fixture.Bulk("observed", 100_000))
	seen := map[string]int{}
	c := fetch.Client{Observe: func(url string, n int) { seen[url] += n }}
	if _, err := read(t.Context(), &c, strings.Replace(location, "://", "://me:secret@", 1)); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[location] != 100_000 {
		t.Errorf("observed %v, want 100000 bytes of %q", seen, location)
	}
}

func TestEncodingStays(t *testing.T) {
	t.Parallel()
	s := fixture.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding: %q, want identity", got)
		}
		w.Header().Set("Content-Encoding", "gzip") // as some mirrors do for .tar.gz
		_, _ = io.WriteString(w, "raw bytes")
	})}
	base, err := s.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t.Context(), new(fetch.Client), base+"/a.tar.gz"); err != nil || string(got) != "raw bytes" {
		t.Errorf("got %q, error %v; want the bytes as they are", got, err)
	}
}

func TestReadAfterClose(t *testing.T) {
	t.Parallel()
	_, location := start(t, []byte("data"))
	r, err := new(fetch.Client).Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("Read after Close: %v, want an error that is not the end", err)
	}
}

// odd is a transport that answers with a body, or with an error.
type odd struct {
	body   func(*http.Request) io.Reader
	err    error
	status int // 0 means 200
}

func (o odd) RoundTrip(req *http.Request) (*http.Response, error) {
	if o.err != nil {
		return nil, o.err
	}
	return &http.Response{StatusCode: cmp.Or(o.status, http.StatusOK), Request: req, ContentLength: 1 << 20, Header: http.Header{"Etag": {`"a"`}},
		Body: io.NopCloser(o.body(req))}, nil
}

// paced sends a byte after each pause. It never sends one where pause is 0.
type paced struct {
	ctx   context.Context //nolint:containedctx // of the request that it answers
	pause time.Duration
}

func (p paced) Read(b []byte) (int, error) {
	var next <-chan time.Time
	if p.pause > 0 {
		next = time.After(p.pause)
	}
	select {
	case <-next:
		return copy(b, "x"), nil
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	}
}

// TestWaitingEnds measures, in fake time, how long a client waits for a server that never answers properly.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	dribble := func(pause time.Duration) func(*http.Request) io.Reader {
		return func(req *http.Request) io.Reader { return paced{req.Context(), pause} }
	}
	for name, tt := range map[string]struct {
		transport http.RoundTripper
		most      time.Duration
		says      string
	}{
		"refuses":                {odd{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, 8 * time.Second, "refused"},
		"no such host":           {odd{err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}, 0, "no such host"},
		"not trusted":            {odd{err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, 0, "SSL_CERT_FILE"},
		"a byte a second":        {odd{body: dribble(time.Second)}, 12 * time.Second, "bytes a second"},
		"a byte in 3 s":          {odd{body: dribble(3 * time.Second)}, 20 * time.Second, "bytes a second"},
		"an error that trickles": {odd{body: dribble(time.Second), status: http.StatusBadGateway}, 8 * time.Second, "502 Bad Gateway"},
		"headers, then not":      {odd{body: dribble(0)}, 17 * time.Second, "no data was transferred"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notices int
				c := fetch.Client{HTTP: &http.Client{Transport: tt.transport}, Notice: func(string, error, time.Duration) { notices++ }}
				begun := time.Now()
				_, err := read(t.Context(), &c, "http://example.org/file")
				if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), tt.says) || took > tt.most {
					t.Errorf("ends after %v with %v, want %q within %v", took, err, tt.says, tt.most)
				}
				if again := c.Stats().Retries > 0; again != (notices == 1) {
					t.Errorf("%d notices, tried again: %v", notices, again)
				}
			})
		})
	}
}
