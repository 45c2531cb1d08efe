package input

import (
	"os"

	"github.com/pyimg/pyimg/internal/fetch"
)

// OpenerOptions change how NewOpener's opener works. The zero value is the usual one.
type OpenerOptions struct {
	Offline bool // http and https are refused
	Jobs    int  // concurrent downloads; 0 is 8
	// Named are URLs whose servers get the credentials of the environment (netrc, HTTP_AUTH) when they ask for some.
	Named []string
}

// NewOpener opens http and https URLs, file URLs and paths. Downloads are tried again where that may help and go on where they
// broke off. Package indexes and runtimes are asked for only if they changed.
func NewOpener(o OpenerOptions) Opener {
	return &fetch.Client{Offline: o.Offline, Jobs: o.Jobs, Credentials: fetch.Environment(os.Getenv, o.Named...)}
}
