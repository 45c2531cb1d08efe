// Package progress shows how far transfers are: as bars on a terminal, plain lines, JSON lines, or not at all.
//
// The program makes one [Reporter] and passes it to the code that transfers; there is no global one. All methods may be
// called concurrently. Names come from foreign data and are made safe for a terminal. Errors of the writer are ignored,
// because the output is not essential.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/termtext"
)

// A Reporter shows transfers.
type Reporter interface {
	// Start begins a transfer of size bytes; a negative size means unknown. kind is one word for what is being done:
	// "download", "upload".
	Start(kind, name string, size int64) Task
	// Close ends the output. It drops tasks that are not done.
	Close()
}

// A Task is one transfer. Add counts bytes; a negative number takes back bytes that a retry sends again. Done ends the
// transfer and is called once. Task is an alias of an unnamed type, so that other packages can declare such an
// interface without importing this package.
type Task = interface {
	Add(n int64)
	Done(err error)
}

// Modes lists the modes of [New].
func Modes() []string { return []string{"auto", "plain", "json", "quiet"} }

// New makes the reporter of a mode. "auto" or "" draws bars when w is a terminal; otherwise it is "plain".
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

// rate returns a speed as text.
func rate(n int64, d time.Duration) string {
	if d < time.Millisecond {
		return ""
	}
	return termtext.Size(int64(float64(n)/d.Seconds())) + "/s"
}
