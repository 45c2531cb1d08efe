package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// A Request is one that was answered.
type Request struct {
	Time    time.Time `json:"time"` // when it came
	From    string    `json:"from"` // the client's address and port
	Method  string    `json:"method"`
	Path    string    `json:"path"` // without its query, which may hold a secret
	Status  int       `json:"status"`
	Bytes   int64     `json:"bytes"`   // of the answer's body, that were sent
	Seconds float64   `json:"seconds"` // that it took
}

// A Log takes requests as they are answered, from several goroutines.
type Log func(Request)

// Text logs a request a line, for people.
func Text(w io.Writer) Log {
	var mu sync.Mutex
	return func(r Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s %s %s %q %d %d bytes %.3f s\n", r.Time.Format(time.RFC3339), r.From, quoted(r.Method), r.Path, r.Status, r.Bytes, r.Seconds)
	}
}

// quoted is a method as it is, or quoted where it is none that a line may have as it is.
func quoted(method string) string {
	for _, c := range method {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("%q", method)
		}
	}
	return method
}

// JSON logs a request a line, each an object.
func JSON(w io.Writer) Log {
	var mu sync.Mutex
	return func(r Request) {
		line, err := json.Marshal(r)
		if err != nil {
			return // a Request has no value that JSON lacks
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write(append(line, '\n')) // nobody reads it: that is no reason not to serve
	}
}

// Logged has log take the requests that h answers.
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

// counted is an answer of which it is known what was sent.
type counted struct {
	http.ResponseWriter
	status int // 0: none was said
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

// ReadFrom implements io.ReaderFrom, with which the kernel sends a file without a detour.
func (c *counted) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }
