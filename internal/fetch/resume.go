package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/pyimg/pyimg/internal/redact"
)

// errOtherFile says that a server has no such range of the same file.
var errOtherFile = errors.New("the server has another file now, or no ranges")

// Stat says how large a file is, in bytes, or -1 where only fetching it can tell, and what OpenAt can hold a later
// version of it against; "" where the server says nothing of that kind, and for local files. Errors are those of Open.
func (c *Client) Stat(ctx context.Context, location string) (size int64, validator string, err error) {
	u, ok := remote(location)
	if !ok {
		return c.statFile(ctx, location)
	}
	if c.Offline {
		return -1, "", &Error{URL: redact.URL(location), Err: ErrOffline}
	}
	c.once.Do(c.init)
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return -1, "", &Error{URL: redact.URL(location), Err: context.Cause(ctx)}
	}
	d := newDownload(c, u, redact.URL(location))
	d.method = http.MethodHead
	a, err := d.connect(ctx, 0)
	c.slots.Release(1)
	if err == nil {
		_ = a.Close()
		return d.size, d.validator, nil
	}
	var status statusError
	if !errors.As(err, &status) || errors.Is(err, fs.ErrNotExist) {
		return -1, "", err
	}
	// Some servers know GET alone, and a presigned URL is for one method.
	f, err := c.Open(ctx, location)
	if err != nil {
		return -1, "", err
	}
	defer f.Close()
	if b, ok := f.(*body); ok {
		return b.Size(), b.Validator(), nil
	}
	return -1, "", nil
}

func (c *Client) statFile(ctx context.Context, location string) (int64, string, error) {
	f, err := c.Open(ctx, location)
	if err != nil {
		return -1, "", err
	}
	defer f.Close()
	if sized, ok := f.(interface{ Size() int64 }); ok {
		return sized.Size(), "", nil
	}
	return -1, "", nil
}

// OpenAt goes on with a transfer of an earlier run that ended after offset bytes: size and validator are what that
// transfer's reader said. at is where the reader starts: offset, or 0 where the server has no such range of the same file.
func (c *Client) OpenAt(ctx context.Context, location string, offset, size int64, validator string) (r io.ReadCloser, at int64, err error) {
	u, ok := remote(location)
	if !ok || offset <= 0 || validator == "" {
		r, err = c.Open(ctx, location)
		return r, 0, err
	}
	r, _, err = c.start(ctx, u, redact.URL(location), offset, func(d *download) { d.size, d.validator = size, validator })
	if errors.Is(err, errOtherFile) {
		r, err = c.Open(ctx, location)
		return r, 0, err
	}
	return r, offset, err
}

// remote is the URL of a location that a host is asked for.
func remote(location string) (*url.URL, bool) {
	u, err := url.Parse(location)
	if err != nil || !strings.Contains(location, "://") {
		return nil, false
	}
	scheme := strings.ToLower(u.Scheme)
	return u, (scheme == "http" || scheme == "https") && u.Host != ""
}

// A rangeError is errOtherFile with what was seen.
type rangeError struct{ text string }

func (e rangeError) Error() string      { return e.text }
func (rangeError) Is(target error) bool { return target == errOtherFile }

// otherFile is a rangeError that trying again does not mend.
func otherFile(format string, args ...any) error {
	return permanent{rangeError{fmt.Sprintf(format, args...)}}
}

// Validator is what OpenAt takes to go on with this transfer in a later run; "" where the server gives none.
func (b *body) Validator() string { return b.download.validator }
