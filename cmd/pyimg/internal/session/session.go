// Package session is what one run of a command works with: bundle, spec, lock, cache, keys and registries. Each is opened when it
// is first asked for, and closed once, with the session.
package session

import (
	"slices"
	"time"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push"
)

// Session belongs to one command line, and to one goroutine.
type Session struct {
	console.Console
	flags   flags.Set
	command string
	args    []string

	several   *several      // of several images; nil where the command is for one
	pushRefs  []string      // what ReadLogin was told
	refsAlone bool          // the command's arguments are no references
	password  string        // of --password-stdin, once it is read
	store     *layers.Store // once it is open
	closers   *[]func()     // shared by the sessions of a command line

	bundleAsked bool // for what follows
	bundle      *bundle.Bundle
	bundleErr   error
}

// New is a session for a command with flags and arguments. The caller closes it.
func New(c console.Console, set flags.Set, command string, args []string) *Session {
	return &Session{Console: c, flags: set, command: command, args: args, closers: new([]func())}
}

// Close closes what was opened. What goes wrong there, the next run mends.
func (run *Session) Close() {
	for _, closing := range slices.Backward(*run.closers) {
		closing()
	}
	*run.closers = nil
}

func (run *Session) atEnd(do func()) { *run.closers = append(*run.closers, do) }

// SpecName is the spec that the command line names; "" without one.
func (run *Session) SpecName() string { return run.first() }

// first is the first argument; "" without one.
func (run *Session) first() string {
	if len(run.args) == 0 {
		return ""
	}
	return run.args[0]
}

// several is what the sessions of several images share. They may use it at the same time.
type several struct {
	memo     *memo.Memo
	client   *fetch.Client
	registry func() push.Registry
	images   func() input.Images
	display  progress.Reporter
	notice   func(host string, cause error, wait time.Duration)
}
