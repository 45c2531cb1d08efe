package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// A Request is a request that was answered.
type Request struct {
	Time    time.Time `json:"time"` // when the request arrived
	From    string    `json:"from"` // the client's address and port
	Method  string    `json:"method"`
	Path    string    `json:"path"` // without the query, which may contain a secret
	Status  int       `json:"status"`
	Bytes   int64     `json:"bytes"`   // bytes sent of the answer's body
	Seconds float64   `json:"seconds"` // the duration
}

// A Log is called for each answered request, from several goroutines.
type Log func(Request)

// Text returns a Log that writes one line of text for each request.
func Text(w io.Writer) Log {
	var mu sync.Mutex
	return func(r Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s %s %s %q %d %d bytes %.3f s\n", r.Time.Format(time.RFC3339), r.From, quoted(r.Method), r.Path, r.Status, r.Bytes, r.Seconds)
	}
}

// quoted returns a method. It quotes one with spaces, control characters or characters outside of ASCII.
func quoted(method string) string {
	for _, c := range method {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("%q", method)
		}
	}
	return method
}

// JSON returns a Log that writes one JSON object a line for each request.
func JSON(w io.Writer) Log {
	var mu sync.Mutex
	return func(r Request) {
		line, err := json.Marshal(r)
		if err != nil {
			return // JSON can encode every Request
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write(append(line, '\n')) // an error of the log must not stop the server
	}
}

// Logged returns a handler that passes the requests that h answers to log.
func Logged(h http.Handler, log Log) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &counted{ResponseWriter: w}
		began := time.Now()
		defer func() {
			log(Request{Time: began.UTC(), From: r.RemoteAddr, Method: r.Method, Path: r.URL.Path, Status: answer.statusCode(), Bytes: answer.bytes,
				Seconds: time.Since(began).Seconds()})
		}()
		h.ServeHTTP(answer, r)
	})
}

// counted is a ResponseWriter that records the status and counts the bytes.
type counted struct {
	http.ResponseWriter
	status int // 0 before a status was written
	bytes  int64
}

func (c *counted) statusCode() int {
	if c.status == 0 {
		return http.StatusOK
	}
	return c.status
}

func (c *counted) WriteHeader(status int) {
	if c.status == 0 && status >= http.StatusOK {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom. It allows the kernel to copy a file to the connection.
func (c *counted) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.bytes += n
	return n, err
}

// Unwrap allows http.ResponseController to find the original ResponseWriter.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }
