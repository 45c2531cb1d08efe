package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pyimg/pyimg/internal/termtext"
)

// plainEvery is how often a long transfer is reported: CI systems stop jobs that print nothing for minutes.
const plainEvery = 10 * time.Second

// plain writes a line when a transfer ends, and further lines while a long transfer runs.
type plain struct {
	mu  sync.Mutex
	w   io.Writer
	now func() time.Time
}

func (p *plain) Start(kind, name string, size int64) Task {
	now := p.now()
	return &plainTask{out: p, label: termtext.Line(kind) + " " + termtext.Line(name), size: size, start: now, last: now}
}

func (p *plain) Close() {}

func (p *plain) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, format+"\n", args...)
}

type plainTask struct {
	out   *plain
	label string
	size  int64
	start time.Time

	mu   sync.Mutex
	done int64
	last time.Time
}

func (t *plainTask) Add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	now := t.out.now()
	if now.Sub(t.last) < plainEvery {
		return
	}
	t.last = now
	of := ""
	if t.size > 0 {
		of = fmt.Sprintf(" of %s (%d%%)", termtext.Size(t.size), t.done*100/t.size)
	}
	t.out.line("%s: %s%s, %s", t.label, termtext.Size(t.done), of, rate(t.done, now.Sub(t.start)))
}

func (t *plainTask) Done(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && t.done == 0 {
		return // where a server refuses all, a line for each would hide the reason
	}
	if err != nil { // the caller that handles the error prints it, once
		t.out.line("%s: failed after %s", t.label, termtext.Size(t.done))
		return
	}
	took := t.out.now().Sub(t.start)
	t.out.line("%s: done, %s in %.1f s", t.label, termtext.Size(t.done), took.Seconds())
}
