//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A link bounds what a server sends and receives over all connections together.
type link struct {
	mu   sync.Mutex
	rate float64   // bytes a second; 0 means no bound
	free time.Time // when the link has sent all that was given to it
}

// slow sets the rate, in bytes a second.
func (l *link) slow(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.free = rate, time.Now()
}

// pass waits until n bytes have passed.
func (l *link) pass(n int) {
	l.mu.Lock()
	if l.rate == 0 {
		l.mu.Unlock()
		return
	}
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	wait := time.Until(l.free)
	l.mu.Unlock()
	time.Sleep(wait)
}

// behind returns a handler whose bodies pass the link.
func (l *link) behind(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &linkedBody{r.Body, l}
		h.ServeHTTP(&linkedWriter{w, l}, r)
	})
}

// linkedPiece is how much of a body passes at once, so that connections share the link.
const linkedPiece = 16 << 10

type linkedBody struct {
	io.ReadCloser
	link *link
}

func (b *linkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), linkedPiece)])
	b.link.pass(n)
	return n, err
}

type linkedWriter struct {
	http.ResponseWriter
	link *link
}

func (w *linkedWriter) Write(p []byte) (int, error) {
	for piece := range slices.Chunk(p, linkedPiece) {
		w.link.pass(len(piece))
		if _, err := w.ResponseWriter.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// linkScenarios fetch and push over slow links. See [results.linkRatio].
func linkScenarios(o options) []scenario {
	behind := func(what string) string { return fmt.Sprintf("links of %d MB/s: %s", o.link, what) }
	return []scenario{
		{behind("cold, digests only"), nil, slow(cold("small", 1, ""))},
		{behind("warm, pushed"), nil, slow(warm("small", 1, "push"))},
		{behind("cold, pushed"), nil, slow(cold("small", 1, "push"))},
		{behind("cold, pushed with --send-last"), nil, slow(cold("small", 1, "push", "--send-last"))},
	}
}

// slow prepares a scenario over the usual network, and slows the links down for its runs.
func slow(prepare preparation) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		next, err := prepare(ctx, w, pyimg)
		return func(run int) ([]string, error) {
			w.link(float64(w.o.link) * 1e6)
			return next(run)
		}, err
	}
}

// link sets the rate of both links, in bytes a second; 0 means no bound.
func (w *world) link(rate float64) {
	w.toMirror.slow(rate)
	w.toRegistry.slow(rate)
}

// linkRatio says what sending while fetching gains, where all of its scenarios were measured.
func (r *results) linkRatio() string {
	wall := make([]float64, 0, 4)
	for _, s := range linkScenarios(options{link: r.Link}) {
		for _, row := range r.Rows {
			if row.Name == s.name && row.Absent == "" {
				wall = append(wall, row.Wall)
			}
		}
	}
	if len(wall) < 4 {
		return ""
	}
	return fmt.Sprintf("\nLinks of %d MB/s: fetching alone %.2f s, pushing alone %.2f s, a cold push %.2f s: %.2f of the longer of both; "+
		"with --send-last %.2f s: %.2f.\n", r.Link, wall[0], wall[1], wall[2], wall[2]/max(wall[0], wall[1]), wall[3], wall[3]/max(wall[0], wall[1]))
}
