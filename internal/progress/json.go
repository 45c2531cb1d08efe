package progress

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/pyimg/pyimg/internal/termtext"
)

// jsonEvery is the shortest time between two events of a running transfer.
const jsonEvery = time.Second

// An Event is one line of mode "json".
type Event struct {
	Event   string  `json:"event"` // "start", "progress", "done" or "failed"
	Kind    string  `json:"kind"`
	Name    string  `json:"name"`
	Done    int64   `json:"done"`           // bytes
	Size    int64   `json:"size,omitempty"` // bytes; left out where the size is not known
	Seconds float64 `json:"seconds"`        // since the start
}

// lines writes one line for each [Event].
type lines struct {
	mu  sync.Mutex
	w   io.Writer
	now func() time.Time
}

func (l *lines) Start(kind, name string, size int64) Task {
	now := l.now()
	t := &jsonTask{out: l, event: Event{Kind: kind, Name: name, Size: max(size, 0)}, start: now, last: now}
	t.write("start", now)
	return t
}

func (l *lines) Close() {}

type jsonTask struct {
	out   *lines
	start time.Time

	mu    sync.Mutex
	event Event
	last  time.Time
}

// write requires mu, unless no other goroutine has t yet.
func (t *jsonTask) write(what string, now time.Time) {
	t.event.Event, t.event.Seconds, t.last = what, now.Sub(t.start).Seconds(), now
	raw, err := json.Marshal(t.event)
	if err != nil {
		return
	}
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	_, _ = t.out.w.Write(append(termtext.JSON(raw), '\n'))
}

func (t *jsonTask) Add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.event.Done += n
	if now := t.out.now(); now.Sub(t.last) >= jsonEvery {
		t.write("progress", now)
	}
}

func (t *jsonTask) Done(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what := "done"
	if err != nil {
		what = "failed"
	}
	t.write(what, t.out.now())
}
