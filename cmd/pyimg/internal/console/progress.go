package console

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/termtext"
)

// Progress shows progress as --progress asks for.
func (c Console) Progress(mode string) (progress.Reporter, error) {
	bars, w := c.DrawsBars(), c.Stderr
	if bars && slices.Contains([]string{"", "auto"}, mode) {
		w = c.RawErr // a bar moves the cursor; names in it are escaped
	}
	r, err := progress.New(mode, w, bars)
	if err != nil {
		return nil, exit.WrongUse(err)
	}
	return r, nil
}

// DrawsBars reports whether stderr is a terminal that shows bars well: one that moves its cursor, and that nobody records.
func (c Console) DrawsBars() bool {
	kind, ci := c.Getenv("TERM"), c.Getenv("CI")
	return c.Terminal && kind != "dumb" && (kind != "" || runtime.GOOS == "windows") &&
		c.Getenv("NO_COLOR") == "" && (ci == "" || ci == "false" || ci == "0")
}

// Notice says on stderr what is waited for, at the first failure and once for each host: a user who sees nothing for some
// seconds would think that pyimg hangs. --progress quiet and json keep stderr to themselves.
func (c Console) Notice(mode string) func(host string, cause error, wait time.Duration) {
	if mode == "quiet" || mode == "json" {
		return nil
	}
	var said sync.Map
	return func(host string, cause error, wait time.Duration) {
		if _, before := said.LoadOrStore(host, true); before {
			return
		}
		how := "trying again"
		if wait >= 5*time.Second { // the server's wish, or a late try
			how += " in " + wait.Round(time.Second).String()
		}
		fmt.Fprintf(c.Stderr, "pyimg: note: %s: %s; %s\n", termtext.Line(host), termtext.Line(redact.Text(cause.Error())), how)
	}
}
