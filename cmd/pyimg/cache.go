package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
)

// openedStore opens the cache for a command about it, which takes no arguments.
func openedStore(run *session.Session, c *cli.Context) (*layers.Store, error) {
	if c.NArg() > 0 {
		return nil, exit.Usagef("cache %s takes no argument, found %q", c.Command.Name, c.Args().First())
	}
	if c.IsSet("cache-dir") && c.String("cache-dir") == "" {
		return nil, exit.Usagef("--cache-dir is given without a value; leave it out, or is a variable not set?")
	}
	return run.Store()
}

func printContents(w io.Writer, c layers.Contents) {
	for _, line := range []struct {
		name string
		layers.Amount
	}{{"blobs", c.Blobs}, {"facts", c.Facts}, {"records", c.Records}, {"folders", c.Folders}, {"temporary", c.Temporary}, {"total", c.Total()}} {
		fmt.Fprintf(w, "%-10s  %12s  %12s\n", line.name, termtext.Count(line.Files, "file"), termtext.Size(line.Bytes))
	}
}
