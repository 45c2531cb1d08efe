package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
)

// TestLockCheck: what is newer than several locks is printed, with exit code 1, and no lock changes.
func TestLockCheck(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.must(t, "lock", "cache")
	lockFile := strings.TrimSuffix(f.specs[0], ".yaml") + ".lock"
	before, err := os.ReadFile(lockFile)
	if err != nil {
		t.Fatal(err)
	}
	if stdout := f.must(t, "lock", "cache", "--check"); stdout != "" {
		t.Errorf("stdout is %q where nothing is newer, want nothing", stdout)
	}
	f.publish(t, 2)
	code, stdout, stderr := f.run(t.Context(), t, "lock", "cache", "--check")
	want := ""
	for _, spec := range f.specs {
		want += "linux/amd64, linux/arm64: p0 1-r0 -> 2-r0\t" + spec + "\n"
	}
	if code != exit.Failed || stdout != want || !strings.Contains(stderr, "newer than 3 of 3 locks") {
		t.Errorf("exit code %d, stdout %q, stderr %q, want 1 and %q", code, stdout, stderr, want)
	}
	if n := f.mirror.Count("", ".apk"); n > 0 {
		t.Errorf("%d packages were fetched, want none: nothing is built", n)
	}
	code, stdout, _ = f.run(t.Context(), t, "lock", "cache", "--check", "--json")
	for line := range strings.Lines(stdout) {
		var r struct {
			Behind  bool
			Changes []struct{ Kind, Name, Locked, Now string }
			Code    exit.Code `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || !r.Behind || len(r.Changes) != 1 || r.Changes[0].Now != "2-r0" || r.Code != exit.Failed {
			t.Errorf("%q (%v), want p0 2-r0", line, err)
		}
	}
	if strings.Count(stdout, "\n") != 3 || code != exit.Failed {
		t.Errorf("exit code %d, %d lines of JSON, want 1 and 3", code, strings.Count(stdout, "\n"))
	}
	_, stdout, _ = f.run(t.Context(), t, "lock", "cache", "--check", "--markdown")
	if !strings.Contains(stdout, "| package `p0` | `1-r0` | `2-r0` | `"+f.specs[0]+"`, ") {
		t.Errorf("the Markdown is %q, want a row for p0", stdout)
	}
	if after, err := os.ReadFile(lockFile); err != nil || string(after) != string(before) {
		t.Errorf("the lock has changed (%v)", err)
	}
}

// TestLockCheckFaults: a lock that is missing is graver than one that is behind.
func TestLockCheckFaults(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.must(t, "lock", "cache")
	f.publish(t, 2)
	alone := f.write(t, "alone.yaml", f.spec(""))
	code, stdout, stderr := f.run(t.Context(), t, "lock", "cache", "--check", alone)
	if code != exit.Usage || strings.Count(stdout, "p0 1-r0 -> 2-r0") != 2 || !strings.Contains(stderr, "1 of 3 images failed\n  "+alone) {
		t.Errorf("exit code %d, stdout %q, stderr %q, want 2, what is newer of the others, and the spec without a lock", code, stdout, stderr)
	}
}
