package rootpath_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/rootpath"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	links := new(rootpath.Links)
	for at, target := range map[string]string{
		"bin": "usr/bin", "var/run": "../run", "abs": "/usr", "usr/bin/python": "python3", "out": "../../../etc",
		"a": "b", "b": "a", "self": "self/x", "usr/lib64": "lib", "deep": "/usr/bin", "up": "deep/../lib", "dot": ".", "slash": "usr/",
	} {
		links.Set(at, target)
	}
	for name, want := range map[string]string{
		"":                "",
		"/":               "",
		"usr/lib/x":       "usr/lib/x",
		"bin/sh":          "usr/bin/sh",
		"bin/python":      "usr/bin/python3",
		"var/run/x.pid":   "run/x.pid",
		"abs/bin/python":  "usr/bin/python3",
		"out/passwd":      "etc/passwd", // never above the root
		"usr/lib64/x":     "usr/lib/x",
		"up/x":            "usr/lib/x", // ".." is that of the folder that deep leads to, not of "/"
		"dot/dot/bin/x":   "usr/bin/x",
		"slash/x":         "usr/x",
		"bin/../bin/sh":   "usr/bin/sh", // a member's name is cleaned first
		"a/x":             "a/x",        // a loop
		"self/y":          "self/y",
		"nothing/bin/../": "nothing",
	} {
		if got := links.Resolve(name); got != want {
			t.Errorf("Resolve(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestResolveStaysQuick: a chain of symlinks and a path of very many elements take no more time than they have bytes.
func TestResolveStaysQuick(t *testing.T) {
	t.Parallel()
	links := new(rootpath.Links)
	long := strings.Repeat("x/", 100_000)
	for i := range 39 {
		links.Set(fmt.Sprint(i), fmt.Sprint(i+1)+"/"+strings.Repeat("y/", 100))
	}
	start := time.Now()
	if got := links.Resolve("0/" + long); !strings.HasPrefix(got, "39/y/y/") {
		t.Errorf("Resolve = %.20q..., want what the chain leads to", got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Resolve took %v", took)
	}
}
