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

// errOtherFile is the error where a server does not have the rest of the same file.
var errOtherFile = errors.New("the server has another version of the file now, or does not support ranges")

// Stat returns a file's size in bytes, or -1 where only fetching the file can tell its size. validator identifies this
// version of the file for OpenAt. It is "" for local files, and where the server sends nothing that identifies a
// version. Errors are those of Open.
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
	// Some servers support only GET, and a presigned URL allows only one method.
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

// OpenAt resumes a transfer of an earlier run that ended after offset bytes. size and validator are those of that
// transfer's reader. at is where the new reader starts: at offset, or at 0 where the server does not have the rest of
// the same file.
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

// remote returns the URL of a location that is fetched from a host.
func remote(location string) (*url.URL, bool) {
	u, err := url.Parse(location)
	if err != nil || !strings.Contains(location, "://") {
		return nil, false
	}
	scheme := strings.ToLower(u.Scheme)
	return u, (scheme == "http" || scheme == "https") && u.Host != ""
}

// A rangeError is errOtherFile with details.
type rangeError struct{ text string }

func (e rangeError) Error() string      { return e.text }
func (rangeError) Is(target error) bool { return target == errOtherFile }

// otherFile returns a rangeError that is not tried again.
func otherFile(format string, args ...any) error {
	return permanent{rangeError{fmt.Sprintf(format, args...)}}
}

// Validator returns the value for OpenAt that resumes this transfer in a later run, or "" where the server sends none.
func (b *body) Validator() string { return b.download.validator }
