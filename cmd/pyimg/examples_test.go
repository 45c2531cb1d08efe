package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
)

// TestExamplesWithALockAreWhatTheLockSays assembles each example that has its lock here, without a host. Only examples whose parts are all
// in their folder can have one.
func TestExamplesWithALockAreWhatTheLockSays(t *testing.T) {
	t.Parallel()
	locks, err := filepath.Glob("../../examples/*/pyimg.lock")
	if err != nil || len(locks) == 0 {
		t.Fatalf("no example has a lock: %v", err)
	}
	for _, name := range locks {
		var stdout, stderr bytes.Buffer
		con := console.Console{Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }}
		spec := strings.TrimSuffix(name, ".lock") + ".yaml"
		code := execute(t.Context(), con, []string{"pyimg", "assemble", spec, "--locked", "--offline", "--cache-dir", t.TempDir()})
		if code != exit.Done || !strings.HasPrefix(stdout.String(), "sha256:") {
			t.Errorf("%s: code %d, %q; after a change of recipes write it again with \"pyimg lock %s\"\n%s", name, code, stdout.String(), spec, stderr.String())
		}
	}
}
