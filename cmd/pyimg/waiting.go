package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/termtext"
)

// notice says on stderr what is waited for, at the first failure and once for each host: a user who sees nothing for some
// seconds would think that pyimg hangs. --progress quiet and json keep stderr to themselves.
func (p program) notice(c *cli.Context) func(host string, cause error, wait time.Duration) {
	if mode := c.String("progress"); mode == "quiet" || mode == "json" {
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
		fmt.Fprintf(p.stderr, "pyimg: note: %s: %s; %s\n", termtext.Line(host), termtext.Line(redact.Text(cause.Error())), how)
	}
}
