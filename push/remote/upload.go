package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

const (
	// monolithic is the largest blob that is sent with one PUT. Sending it again after a failure costs less than the
	// extra request of a PATCH. The upload of a larger blob can be resumed.
	monolithic = 32 << 20
	// minChunk is the smallest part that is sent: no proxy limits a body to less.
	minChunk = 64 << 10
	// Small is the largest blob that goes up with the request that begins its upload. A registry that does not take it
	// so has read that many bytes in vain.
	Small = 64 << 10
)

// A Counter counts the bytes that arrive. A negative number takes back bytes that did not arrive.
type Counter interface{ Add(n int64) }

// An uploading is the upload of one blob to one repository.
type uploading struct {
	*Repository
	oci.Blob
	task Counter

	location *url.URL // nil before the upload has begun
	offset   int64    // how many bytes the registry has
	counted  int64    // how many bytes the task has counted
	in       *reading // nil, or a reading at the offset
	ending   bool     // the last request was sent: its answer may be lost
}

// Upload sends a blob, or mounts it from the repository from. It reports whether it was mounted. After a failure it
// resumes where the registry says how much it has; otherwise it starts again. The count of tries starts again with each
// part that arrives. Where reading ends with fs.ErrNotExist, the bytes were damaged and are gone: Upload opens the blob
// once more, and its source may bring it anew.
func (s *Repository) Upload(ctx context.Context, b oci.Blob, from string, task Counter) (mounted bool, err error) {
	up := &uploading{Repository: s, Blob: b, task: task}
	op := fmt.Sprintf("uploading blob %q (%d bytes)", b.Desc.Digest, b.Desc.Size)
	defer up.close()
	tries := s.storing()
	ctx = tries.Context(ctx)
	anew := false
	for reached := int64(0); ; {
		mounted, wait, err := up.attempt(ctx, from)
		if err == nil {
			return mounted, nil
		}
		var final *sourceError
		if errors.As(err, &final) {
			if !anew && !final.opening && errors.Is(final.err, fs.ErrNotExist) {
				anew = true
				up.restart()
				continue
			}
			return false, fmt.Errorf("%s for %q: %w", op, s.Repo.Name(), final.err)
		}
		if up.offset > reached {
			tries.Progress()
			reached = up.offset
		}
		if !up.mayPass(ctx, err) {
			return false, s.Fail(op, cmp.Or(ctx.Err(), err))
		}
		if err := tries.Again(ctx, s.Repo.RegistryStr(), err, wait); err != nil {
			return false, s.Fail(op, err)
		}
		if up.recover(ctx, err) {
			return false, nil
		}
	}
}

// attempt continues where the last attempt ended. retryAt is how long the registry asks us to wait after a failure.
func (up *uploading) attempt(ctx context.Context, from string) (mounted bool, retryAt time.Duration, err error) {
	if up.location == nil {
		if from == "" && up.isSmall() {
			if sent, retryAt, err := up.atOnce(ctx); sent || err != nil {
				return false, retryAt, err
			}
		}
	}
	if up.location == nil {
		if mounted, err = up.begin(ctx, from); mounted || err != nil {
			return mounted, 0, err
		}
	}
	for {
		left := up.Desc.Size - up.offset
		chunk := min(left, cmp.Or(up.chunk.Load(), left))
		whole := up.offset == 0 && chunk == left && left <= monolithic
		var resp *http.Response
		switch {
		case whole || left == 0:
			resp, err = up.end(ctx, left)
		default:
			resp, err = up.patch(ctx, chunk)
		}
		if resp != nil && resp.StatusCode == http.StatusRequestEntityTooLarge && up.shrink(max(chunk, 1)) {
			if up.locate(ctx); up.location == nil {
				if _, err := up.begin(ctx, ""); err != nil {
					return false, 0, err
				}
			}
			continue
		}
		if err != nil {
			if resp != nil {
				retryAt = patience.RetryAfter(resp.Header)
			}
			return false, retryAt, err
		}
		if whole || left == 0 {
			return false, 0, sameDigest(resp, up.Desc.Digest)
		}
	}
}

// shrink halves the size of the parts that are sent to this registry. It reports whether it could.
func (s *Repository) shrink(refused int64) bool {
	for {
		now := s.chunk.Load()
		if now > 0 && now < refused {
			return true // a concurrent upload has halved it already
		}
		next := int64(8 << 20)
		for next >= refused {
			next /= 2
		}
		if next < minChunk {
			return false
		}
		if s.chunk.CompareAndSwap(now, next) {
			return true
		}
	}
}

// mayPass reports whether a failed upload is worth another try. A token that ended during an upload shows as a 401 or
// as a body that cannot be sent twice; the next request has a new token. We send only checked bytes, so where the
// registry finds them wrong, a proxy between us and the registry has changed them.
func (up *uploading) mayPass(ctx context.Context, err error) bool {
	var te *transport.Error
	if errors.Is(err, patience.ErrSlow) {
		return false
	}
	if !errors.As(err, &te) {
		return patience.Temporary(err) || errors.Is(err, errSent) || strings.Contains(err.Error(), "with Body length") // the error is net/http's
	}
	switch te.StatusCode {
	case http.StatusUnauthorized:
		return up.location != nil && up.login.bearer(ctx)
	case http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable:
		return up.location != nil // the registry was restarted and does not know the upload
	case http.StatusBadRequest:
		for _, d := range te.Errors {
			switch d.Code {
			case transport.BlobUploadInvalidErrorCode, transport.BlobUploadUnknownErrorCode, transport.DigestInvalidErrorCode, transport.SizeInvalidErrorCode:
				return true
			}
		}
	}
	return patience.TemporaryStatus(te.StatusCode)
}

// recover asks how far a failed upload came. done is true where it was complete and only the answer was lost.
func (up *uploading) recover(ctx context.Context, err error) (done bool) {
	if up.ending {
		up.ending = false
		if there, err := up.HasBlob(ctx, up.Repo, up.Desc.Digest); err == nil && there {
			up.count(up.Desc.Size)
			return true
		}
	}
	var te *transport.Error
	lost := errors.As(err, &te) && (te.StatusCode == http.StatusNotFound || te.StatusCode == http.StatusBadRequest)
	if lost || up.Desc.Size <= monolithic && up.offset == 0 {
		up.restart()
		return false
	}
	up.locate(ctx)
	return false
}

func (up *uploading) restart() {
	up.location, up.offset = nil, 0
	up.count(0)
}

// locate asks the registry how much of an upload it has. The upload starts again where the registry cannot say.
func (up *uploading) locate(ctx context.Context) {
	if up.location == nil {
		return
	}
	resp, err := up.do(ctx, http.MethodGet, up.location.String(), nil, nil, http.StatusNoContent, http.StatusOK, http.StatusAccepted)
	if err != nil || !up.follow(resp, up.Desc.Size) {
		up.restart()
	}
	up.count(up.offset)
}

// follow reads from an answer where to send the next part, and how much of the blob the registry has. It returns false
// where the answer makes no sense.
func (up *uploading) follow(resp *http.Response, most int64) bool {
	if resp.Header.Get("Location") != "" {
		location, err := up.where(resp)
		if err != nil {
			return false
		}
		up.location = location
	}
	_, last, ok := strings.Cut(resp.Header.Get("Range"), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || n < 0 || n >= most {
		return false
	}
	if n > 0 { // "0-0" means no byte or one byte; we never send a single byte
		n++
	}
	up.offset = n
	return true
}

// begin asks for an address to upload to. A registry may instead mount the blob from the repository from.
func (up *uploading) begin(ctx context.Context, from string) (mounted bool, err error) {
	to := up.url("blobs", "uploads/")
	if from != "" {
		to += "?" + url.Values{"mount": {up.Desc.Digest.String()}, "from": {from}}.Encode()
	}
	resp, err := up.do(ctx, http.MethodPost, to, nil, nil, http.StatusAccepted, http.StatusCreated)
	if err != nil {
		return false, err
	}
	if resp.StatusCode == http.StatusCreated {
		return true, sameDigest(resp, up.Desc.Digest)
	}
	up.location, err = up.where(resp)
	up.offset = 0
	return false, err
}

// isSmall reports whether the blob may go up with the request that begins its upload.
func (up *uploading) isSmall() bool {
	chunk := up.chunk.Load()
	return 0 < up.Desc.Size && up.Desc.Size <= Small && (chunk == 0 || up.Desc.Size <= chunk) && !up.habits.sendsLocation.Load()
}

// atOnce sends the whole blob with the request that begins its upload. A registry may ignore the body and answer with the address
// to send it to, as the OCI distribution-spec says, or refuse the request; no other blob goes to that registry so then.
func (up *uploading) atOnce(ctx context.Context) (sent bool, retryAt time.Duration, err error) {
	to, err := url.Parse(up.url("blobs", "uploads/"))
	if err != nil {
		return false, 0, err
	}
	to.RawQuery = url.Values{"digest": {up.Desc.Digest.String()}}.Encode()
	content, err := up.content()
	if err != nil {
		return false, 0, err
	}
	up.Blob = oci.Memory(up.Desc, content) // opening it again may mean to fetch it, or to make it
	up.ending = true
	resp, err := up.do(withSettling(ctx, up.Desc.Size), http.MethodPost, to.String(), http.Header{"Content-Type": {"application/octet-stream"}},
		bytes.NewReader(content), http.StatusCreated, http.StatusAccepted)
	switch {
	case err == nil && resp.StatusCode == http.StatusCreated:
		up.count(up.Desc.Size)
		return true, 0, sameDigest(resp, up.Desc.Digest)
	case err == nil:
		up.habits.sendsLocation.Store(true)
		up.ending = false
		up.location, err = up.where(resp)
		return false, 0, err
	case resp != nil && refusesBody(resp.StatusCode):
		up.habits.sendsLocation.Store(true)
		up.ending = false
		return false, 0, nil // the usual request has the same answer if the body was not the cause
	case resp != nil:
		retryAt = patience.RetryAfter(resp.Header)
	}
	return false, retryAt, err
}

// content reads the whole blob, which is small, and checks it.
func (up *uploading) content() ([]byte, error) {
	r, err := openReading(up.Blob)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content := make([]byte, up.Desc.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, &sourceError{err: cmp.Or(r.sourceErr(), err)}
	}
	return content, nil
}

// refusesBody reports whether a status may mean that the registry takes no body with the request that begins an upload.
func refusesBody(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return true
	}
	return false
}

// where returns the address in an answer's Location. Another host gets no credentials. An address that only an internal
// network can reach is refused.
func (s *Repository) where(resp *http.Response) (*url.URL, error) {
	location, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("reading the upload location: %w", err)
	}
	if host := location.Hostname(); host != resp.Request.URL.Hostname() && isInternal(host) {
		return nil, &refusedError{fmt.Sprintf("the registry asks us to upload to %q, an address of an internal network; either its configuration has a wrong name for itself, or it is malicious", location.Host)}
	}
	return location, nil
}

// patch sends the next n bytes.
func (up *uploading) patch(ctx context.Context, n int64) (*http.Response, error) {
	var h http.Header
	if n < up.Desc.Size { // docker, too, omits it where one request sends all
		h = http.Header{"Content-Range": {fmt.Sprintf("%d-%d", up.offset, up.offset+n-1)}}
	}
	resp, err := up.send(ctx, http.MethodPatch, up.location, h, n, http.StatusAccepted, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		return resp, err
	}
	before := up.offset
	if !up.follow(resp, before+n) || n == up.Desc.Size {
		up.offset = before + n // the registry checks the digest at the end
	}
	if up.offset <= before {
		return nil, fmt.Errorf("the registry has %d bytes of the blob after we sent %d: %w", up.offset, before+n, errSent)
	}
	return resp, nil
}

// end sends the last n bytes, n may be 0, and names the digest.
func (up *uploading) end(ctx context.Context, n int64) (*http.Response, error) {
	to := *up.location
	q := to.Query()
	q.Set("digest", up.Desc.Digest.String())
	to.RawQuery = q.Encode()
	up.ending = true
	return up.send(withSettling(ctx, up.Desc.Size), http.MethodPut, &to, nil, n, http.StatusCreated, http.StatusNoContent, http.StatusAccepted)
}

// send sends one request of an upload, with the next n bytes.
func (up *uploading) send(ctx context.Context, method string, to *url.URL, h http.Header, n int64, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	for k, v := range h {
		req.Header[k] = v
	}
	if n == 0 {
		return up.answer(req, want...)
	}
	if err := up.seek(ctx); err != nil {
		return nil, err
	}
	body := newPiece(up.in, n, up.task)
	req.Body, req.GetBody, req.ContentLength = body, nil, n
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := up.answer(req, want...)
	up.counted += body.over()
	source := up.in.sourceErr()
	if err != nil || source != nil || body.left.Load() > 0 {
		up.close()
	}
	if source != nil {
		return nil, &sourceError{err: source}
	}
	return resp, err
}

// seek moves the reading to the offset. It opens the blob again where more was read, for a part that did not arrive.
func (up *uploading) seek(ctx context.Context) (err error) {
	if up.in != nil && up.in.at.Load() != up.offset {
		up.close()
	}
	if up.in == nil {
		if up.in, err = openReading(up.Blob); err != nil {
			return err
		}
	}
	up.count(up.offset)
	return up.in.skip(ctx, up.offset)
}

func (up *uploading) close() {
	if up.in != nil {
		up.in.Close()
		up.in = nil
	}
}

// count sets the task's count to n: it adds what has arrived, and takes back what has not.
func (up *uploading) count(n int64) {
	if n != up.counted {
		up.task.Add(n - up.counted)
		up.counted = n
	}
}

// HasBlob reports whether a repository of the same registry has a blob.
func (s *Repository) HasBlob(ctx context.Context, repo name.Repository, digest v1.Hash) (bool, error) {
	_, there, err := s.head(ctx, s.urlOf(repo, "blobs", digest.String()), nil)
	return there, s.Fail(fmt.Sprintf("asking for blob %q", digest), err)
}
