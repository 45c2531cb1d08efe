package patience_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
)

var errRefused = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}

// until tries until there is no next try. It returns the number of tries and how long they took.
func until(t *testing.T, tries *patience.Tries, cause error, each time.Duration) (n int, took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	for {
		n++
		time.Sleep(each)
		if err := tries.Again(t.Context(), "host", cause, 0); err != nil {
			return n, time.Since(began), err
		}
	}
}

func TestGivesUpInTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy      patience.Policy
		cause       error
		each        time.Duration
		tries       int
		least, most time.Duration
	}{
		"refused at once":     {patience.Policy{}, errRefused, 0, 6, 7750 * time.Millisecond, 15500 * time.Millisecond},
		"silent for 6 s each": {patience.Policy{}, &patience.StallError{After: 6 * time.Second}, 6 * time.Second, 3, 18 * time.Second, 20 * time.Second},
		"one try":             {patience.Policy{Tries: 1}, errRefused, 0, 1, 0, 0},
		"two tries":           {patience.Policy{Tries: 2, First: time.Second}, errRefused, 0, 2, 500 * time.Millisecond, time.Second},
		"a longer limit":      {patience.Policy{Limit: 90 * time.Second}, &patience.StallError{After: 30 * time.Second}, 30 * time.Second, 3, 90 * time.Second, 92 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, took, err := until(t, tt.policy.Start(), tt.cause, tt.each)
				if n != tt.tries || took < tt.least || took > tt.most || !errors.Is(err, tt.cause) {
					t.Errorf("%d tries in %v end with %v; want %d in %v to %v and %v", n, took, err, tt.tries, tt.least, tt.most, tt.cause)
				}
			})
		})
	}
}

// TestQuiet: the first try is short, and all tries of a silent server together end soon after the limit.
func TestQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries, began := patience.Policy{}.Start(), time.Now()
		for n := 1; ; n++ {
			quiet := tries.Quiet()
			time.Sleep(quiet)
			if err := tries.Again(t.Context(), "host", &patience.StallError{After: quiet}, 0); err != nil {
				if took := time.Since(began); n != 2 || took > 17*time.Second || !errors.As(err, new(*patience.GaveUp)) {
					t.Errorf("%d tries in %v end with %v", n, took, err)
				}
				return
			}
		}
	})
}

func TestJoinShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outer, ctx := patience.Policy{Tries: 3}.Join(t.Context())
		inner, _ := patience.Policy{Tries: 30}.Join(ctx)
		if n, _, _ := until(t, inner, errRefused, 0); n != 3 || outer.Failures() != 3 {
			t.Errorf("%d inner tries, %d outer failures; want 3 of each", n, outer.Failures())
		}
		outer.Progress()
		if n, _, _ := until(t, outer, errRefused, 0); n != 3 {
			t.Errorf("%d tries after progress, want 3", n)
		}
	})
}

func TestNoticeIsGivenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		p := patience.Policy{Notice: func(host string, cause error, wait time.Duration) {
			got = append(got, fmt.Sprintf("%s %v %v", host, cause, wait > 0))
		}}
		_, _, _ = until(t, p.Start(), errRefused, 0)
		if len(got) != 1 || got[0] != "host dial: connection refused true" {
			t.Errorf("noticed %q", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-5": 0, "soon": 0, "9223372036854775807": 365 * 24 * time.Hour,
		"Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		if got := patience.RetryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	err := patience.Policy{First: time.Hour}.Start().Again(ctx, "host", errRefused, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Again = %v, want context.Canceled", err)
	}
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{errRefused, true},
		{io.ErrUnexpectedEOF, true},
		{&patience.StallError{}, true},
		{&net.DNSError{IsTimeout: true}, true},
		{&net.DNSError{IsNotFound: true}, false},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, false},
		{patience.ErrSlow, false},
		{&patience.GaveUp{Err: errRefused}, false},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{errors.New("its answer is not JSON"), false},
		{nil, false},
	} {
		if got := patience.Temporary(tt.err); got != tt.want {
			t.Errorf("Temporary(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// body sends pieces of one size, with a pause before each.
type body struct {
	ctx    context.Context //nolint:containedctx // of the request that it answers
	pieces int
	size   int
	pause  time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	if b.pieces == 0 {
		return 0, io.EOF
	}
	b.pieces--
	select {
	case <-time.After(b.pause):
		return min(b.size, len(p)), nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func (*body) Close() error { return nil }

func TestWatchdog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pieces, size int
		pause        time.Duration
		want         error
		stalls       bool
		most         time.Duration
	}{
		"a byte a second":                 {1 << 20, 1, time.Second, patience.ErrSlow, false, 12 * time.Second},
		"a byte each half a second":       {1 << 20, 1, time.Second / 2, patience.ErrSlow, false, 12 * time.Second},
		"a byte each 20 s":                {1 << 20, 1, 20 * time.Second, patience.ErrSlow, false, 3 * time.Minute},
		"silence":                         {1, 1, time.Hour, nil, true, 30 * time.Second},
		"64 kB/s":                         {600, 64 << 10, time.Second, nil, false, time.Hour},
		"5 kB/s for ten minutes":          {600, 5 << 10, time.Second, nil, false, time.Hour},
		"pauses of 25 s between 64 KiB":   {100, 64 << 10, 25 * time.Second, nil, false, time.Hour},
		"a small answer after 25 s":       {1, 500, 25 * time.Second, nil, false, time.Minute},
		"slow for eight seconds":          {8, 1, time.Second, nil, false, time.Minute},
		"much at once, then nothing more": {3, 1 << 20, 0, nil, false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				dog := patience.NewWatchdog(30*time.Second, cancel)
				r := patience.Answer(&body{ctx, tt.pieces, tt.size, tt.pause}, dog, func(err error) error { return patience.Cause(ctx, err) })
				began := time.Now()
				_, err := io.Copy(io.Discard, r)
				took := time.Since(began)
				_ = r.Close()
				if !errors.Is(err, tt.want) && !tt.stalls || errors.As(err, new(*patience.StallError)) != tt.stalls || took > tt.most {
					t.Errorf("ends with %v after %v, want %v (a stall: %v) within %v", err, took, tt.want, tt.stalls, tt.most)
				}
			})
		})
	}
}

// TestWatchdogRests: the time that the reader needs does not count as silence.
func TestWatchdogRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		dog := patience.NewWatchdog(time.Second, cancel)
		r := patience.Answer(&body{ctx, 20, 10, time.Millisecond}, dog, func(err error) error { return patience.Cause(ctx, err) })
		for {
			if _, err := r.Read(make([]byte, 10)); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("Read = %v", err)
				}
				break
			}
			time.Sleep(time.Minute)
		}
		_ = r.Close()
	})
}
