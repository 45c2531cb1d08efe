// Package progress tells a person, a CI log or a program how far transfers are: bars on a terminal, plain lines, JSON
// lines, or nothing.
//
// A [Reporter] is made once and passed to who transfers; there is no global one. All methods may be called concurrently.
// Names come from outside and are made safe for a terminal. What is written is a courtesy: errors of the writer are ignored.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/termtext"
)

// A Reporter is told of transfers.
type Reporter interface {
	// Start begins a transfer of size bytes; a negative size is not known. The kind says what is done, in one word:
	// "download", "upload".
	Start(kind, name string, size int64) Task
	// Close ends the output; tasks that were never done are dropped.
	Close()
}

// A Task is one transfer. Add counts bytes, negative ones to take back those that a retry sends again. Done ends it, once.
// It is an alias of an unnamed type so that other packages can demand a reporter without importing this one.
type Task = interface {
	Add(n int64)
	Done(err error)
}

// Modes lists what [New] takes.
func Modes() []string { return []string{"auto", "plain", "json", "quiet"} }

// New makes the reporter of a mode: "auto" (or "") draws bars when w is a terminal and is "plain" else.
func New(mode string, w io.Writer, isTerminal bool) (Reporter, error) {
	switch {
	case (mode == "" || mode == "auto") && isTerminal:
		return newBars(w), nil
	case mode == "" || mode == "auto" || mode == "plain":
		return &plain{w: w, now: time.Now}, nil
	case mode == "json":
		return &lines{w: w, now: time.Now}, nil
	case mode == "quiet":
		return quiet{}, nil
	}
	return nil, fmt.Errorf("progress mode %q is not one of %s", mode, strings.Join(Modes(), ", "))
}

type quiet struct{}

func (quiet) Start(string, string, int64) Task { return quiet{} }
func (quiet) Close()                           {}
func (quiet) Add(int64)                        {}
func (quiet) Done(error)                       {}

// rate is a speed as people read it.
func rate(n int64, d time.Duration) string {
	if d < time.Millisecond {
		return ""
	}
	return termtext.Size(int64(float64(n)/d.Seconds())) + "/s"
}
