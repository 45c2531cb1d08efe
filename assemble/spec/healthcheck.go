package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Healthcheck is how a container runtime finds out that a container works. It is Docker's extension of the image configuration.
type Healthcheck struct {
	// Test is a command: CMD and words, CMD-SHELL and one command line, or NONE.
	Test          []string
	Interval      time.Duration `json:",omitempty"` // between two tests; 0, as in all that follow: the container runtime's default
	Timeout       time.Duration `json:",omitempty"` // after which a test has failed
	StartPeriod   time.Duration `json:",omitempty"` // in which failed tests do not count
	StartInterval time.Duration `json:",omitempty"` // between two tests in the start period
	Retries       int           `json:",omitempty"` // so many failed tests in a row make a container unhealthy
}

// The first words of a test.
const (
	testNone  = "NONE"
	testCmd   = "CMD"
	testShell = "CMD-SHELL"
)

// Config is the healthcheck as an image configuration has it, but for the start interval.
func (h Healthcheck) Config() *v1.HealthConfig {
	return &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
}

// healthcheck decodes the field: none, or a mapping.
func (d decoder) healthcheck(to **Healthcheck, p string, n ast.Node) {
	h := new(Healthcheck)
	*to = h
	if _, mapping := n.(*ast.MappingNode); !mapping {
		d.Text(func(v string) error {
			if h.Test = []string{testNone}; v != "none" {
				return fmt.Errorf("expected none, or {test: COMMAND, interval: 30s, ...}, found %q", v)
			}
			return nil
		})(p, n)
		return
	}
	before := d.Faults()
	d.Mapping(p, n, d.healthcheckFields(h))
	switch {
	case len(h.Test) == 0:
		d.missing(before, n, p, `test is missing: a command line for the shell, or a list that begins with CMD, such as ["CMD", "python3", "/app/check.py"]`)
	case h.Test[0] == testNone && h.timed():
		d.missing(before, n, p, "there is no test (NONE), so it takes no other field")
	}
}

// timed reports whether any field but the test is given.
func (h *Healthcheck) timed() bool {
	return h.Interval != 0 || h.Timeout != 0 || h.StartPeriod != 0 || h.StartInterval != 0 || h.Retries != 0
}

func (d decoder) healthcheckFields(h *Healthcheck) fields {
	return fields{
		row("test", func(p string, n ast.Node) { d.test(&h.Test, p, n) }, h.Test),
		row("interval", d.duration(&h.Interval), durationText(h.Interval)),
		row("timeout", d.duration(&h.Timeout), durationText(h.Timeout)),
		row("start_period", d.duration(&h.StartPeriod), durationText(h.StartPeriod)),
		row("start_interval", d.duration(&h.StartInterval), durationText(h.StartInterval)),
		row("retries", d.Integer(&h.Retries, 1, maxRetries), h.Retries),
	}
}

// maxRetries is far more than anybody waits for.
const maxRetries = 1000

// healthcheckYAML writes the field as it is read; nil for none.
func (d decoder) healthcheckYAML(h *Healthcheck) any {
	switch {
	case h == nil:
		return nil
	case slices.Equal(h.Test, []string{testNone}):
		return "none"
	}
	return d.healthcheckFields(h).YAML()
}

// test decodes a command. One text is a command line for the shell, as in Compose.
func (d decoder) test(to *[]string, p string, n ast.Node) {
	if _, list := n.(*ast.SequenceNode); !list {
		d.Text(func(v string) error {
			*to = []string{testShell, v}
			return checkTest(*to)
		})(p, n)
		return
	}
	before := d.Faults()
	d.List(func(v string) error { *to = append(*to, v); return nil })(p, n)
	if d.Faults() > before {
		return
	}
	if err := checkTest(*to); err != nil {
		d.FaultAt(n, p, "%v", err)
	}
}

func checkTest(words []string) error {
	first := ""
	if len(words) > 0 {
		first = words[0]
	}
	switch {
	case first == testNone && len(words) == 1, first == testShell && len(words) == 2 && strings.TrimSpace(words[1]) != "", first == testCmd && len(words) > 1 && words[1] != "":
		return nil
	case first == testNone:
		return fmt.Errorf("NONE takes no command, found %q", words[1:])
	case first == testShell:
		return fmt.Errorf("expected one command line after CMD-SHELL, found %q", words[1:])
	case first == testCmd:
		return fmt.Errorf("expected a program and its arguments after CMD")
	}
	return fmt.Errorf(`expected a list that begins with CMD (a program and its arguments), CMD-SHELL (a command line) or NONE, found %q; write ["CMD", %q, ...]`, words, first)
}

// The bounds of durations. Docker refuses less than a millisecond.
const (
	minDuration = time.Millisecond
	maxDuration = 24 * time.Hour
)

// duration decodes a duration as Compose and the Dockerfile have it.
func (d decoder) duration(to *time.Duration) field {
	return d.Text(func(v string) error {
		t, err := time.ParseDuration(v)
		if err != nil || t < minDuration || t > maxDuration {
			return fmt.Errorf("expected a duration from 1ms to 24h with its unit, such as 30s or 1m30s, found %q", v)
		}
		*to = t
		return nil
	})
}

func durationText(t time.Duration) string {
	if t == 0 {
		return ""
	}
	return t.String()
}
