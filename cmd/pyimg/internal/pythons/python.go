package pythons

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/benchmark"
	"github.com/pyimg/pyimg/benchmark/workload"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
)

// The limits of a process: workloads start some processes and threads, and print little.
const (
	maxProcesses = 512
	maxOutput    = 8 << 20
	keptErrors   = 4 << 10 // of stderr, its end
)

// Python is one that runs in a sandbox without a network. It sees nothing of this machine but the programs.
type Python struct{ command sandbox.Command }

// Run runs a program; see [benchmark.Python].
func (p *Python) Run(ctx context.Context, args, env []string) ([]byte, error) {
	c := p.command
	c.Args = slices.Concat(c.Args, args)
	c.Env = merged(c.Env, append([]string{"HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1"}, env...))
	out, said := &head{most: workload.MaxReply + 1}, &end{most: keptErrors}
	c.Stdout, c.Stderr = out, said
	ended, err := sandbox.Run(ctx, c)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	start := (*sandbox.StartError)(nil)
	switch {
	case errors.As(err, &start):
		return nil, fmt.Errorf("%w; --python names another program", err)
	case err != nil:
		return nil, err
	case ended.Limit != "":
		return nil, &benchmark.EndedError{Reason: "it exceeded the limit of " + ended.Limit}
	case ended.Code != 0:
		return nil, &benchmark.EndedError{Reason: strings.TrimSuffix(fmt.Sprintf("it ended with code %d: %s", ended.Code, lastLine(said.text)), ": ")}
	}
	return out.text, nil
}

// merged is an environment with others put over it.
func merged(env, over []string) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(over, func(o string) bool { return strings.HasPrefix(o, name+"=") })
	})
	return append(out, over...)
}

func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	const most = 500
	line := lines[len(lines)-1]
	return termtext.Line(string(line[max(len(line)-most, 0):]))
}

// head keeps the beginning of what is written.
type head struct {
	text []byte
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), h.most-len(h.text))]...)
	return len(p), nil
}

// end keeps the end of what is written.
type end struct {
	text []byte
	most int
}

func (e *end) Write(p []byte) (int, error) {
	e.text = append(e.text, p[max(len(p)-e.most, 0):]...)
	if over := len(e.text) - e.most; over > 0 {
		e.text = slices.Delete(e.text, 0, over)
	}
	return len(p), nil
}
