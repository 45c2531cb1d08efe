package rootless

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/layers"
)

// Runners runs the Python of images that are being made, in sandboxes without a network.
type Runners struct {
	store *layers.Store
	warn  func(string)
	once  *sync.Once // a warning is said once
}

// NewRunners is for images whose layers are in a store.
func NewRunners(store *layers.Store, warn func(string)) Runners {
	return Runners{store, warn, new(sync.Once)}
}

// Runner unpacks the root and tries whether its Python can be run here.
func (s Runners) Runner(ctx context.Context, root input.RunnerRoot) (input.Runner, error) {
	folders, err := container.StoredFolders(ctx, s.store, root.Layers, Owners())
	if err != nil {
		return nil, fmt.Errorf("unpacking the root that compiles: %w", err)
	}
	try := func(preload string) (sandboxed, error) {
		r := sandboxed{s, folders, preload}
		return r, r.Run(ctx, []string{root.Python, "-I", "-S", "-c", ""}, nil, nil)
	}
	r, err := try(root.Preload)
	if err != nil && root.Preload != "" && ctx.Err() == nil {
		r, err = try("")
	}
	if err != nil {
		return nil, fmt.Errorf("programs for %s cannot be run here: %w", root.Platform, err)
	}
	return r, nil
}

// sandboxed runs programs in one root.
type sandboxed struct {
	Runners
	folders []string
	preload string // a library in the root, or ""
}

// The limits of a compilation: a module takes some milliseconds, and CPython's largest some hundred megabytes.
const (
	compileTime   = 10 * time.Minute
	compileMemory = 2 << 30
	compileOutput = 4 << 30
	compileDisk   = 64 << 20
)

// Run runs a program with nothing but its input and output.
func (r sandboxed) Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	return r.run(ctx, sandbox.Command{Args: args, Stdin: stdin, Stdout: stdout})
}

func (r sandboxed) run(ctx context.Context, c sandbox.Command) error {
	var said bytes.Buffer
	c.Lower, c.Env, c.Stderr, c.ReadOnly = r.folders, []string{"PATH=/nowhere"}, &said, true
	if r.preload != "" {
		c.Env = append(c.Env, "LD_PRELOAD="+r.preload)
	}
	c.User = sandbox.User{UID: 65534, GID: 65534}
	c.Limits = sandbox.Limits{Time: compileTime, Memory: compileMemory, Output: compileOutput, Disk: compileDisk, Processes: 64}
	c.Notice = func(n sandbox.Notice) {
		if n.Warning {
			r.once.Do(func() { r.warn(n.Text) })
		}
	}
	ended, err := sandbox.Run(ctx, c)
	switch {
	case err != nil:
		return err
	case ended.Limit != "":
		return fmt.Errorf("it exceeded the limit of %s", ended.Limit)
	case ended.Code != 0:
		return fmt.Errorf("it ended with code %d: %.2000s", ended.Code, strings.TrimSpace(said.String()))
	}
	return nil
}
