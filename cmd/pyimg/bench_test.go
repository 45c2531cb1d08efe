package main

import (
	"fmt"

	"github.com/pyimg/pyimg/internal/fixture"
)

// putPythons puts runtimes on the mirror whose Python answers what a bench asks, whatever it asks: it says that it measured. One is
// as good as its word, the others want to do harm.
func putPythons(mirror *fixture.Mirror) {
	reply := func(seconds float64) string {
		return fmt.Sprintf(`{"python":"3.13.5","implementation":"cpython","parts":[{"name":"calls","loops":8,"cpu":[%g,%[1]g],"wall":[%[1]g,%[1]g]}],"peak":10485760}`, seconds)
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		mirror.Put("runtimes/jemalloc-"+arch+".tar.gz", fixture.Jemalloc(arch).Bytes())
		for name, says := range map[string]string{
			"slow": reply(0.5), "fast": reply(0.25), "wrong": `{"wrong":"calls: the result is 1, expected 2"}`,
			"escaping": "\x1b]0;owned\x07\x1b[2J", "escapinginside": `{"python":"3.13.5","failed":"\u001b[2J\u001b]0;owned\u0007"}`, "negative": reply(-1),
		} {
			python := fixture.ELF{Arch: arch, Static: true, Says: says}
			mirror.Put("runtimes/bench-"+name+"-"+arch+".tar.gz", fixture.Tarball{Files: []fixture.File{{Path: "usr/local/bin/python3", Mode: 0o755, Body: python.Bytes()}}}.Bytes())
		}
	}
}
