package pep517

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVariablesOfBuilds: a build sees nothing of the caller's variables, and those of its package over those of the builder. It is in the
// package, since a build prints its variables only where a real Python runs.
func TestVariablesOfBuilds(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "secret")
	t.Setenv("PATH", "/home/somebody/bin")
	root := Root{Python: "/usr/local/bin/python3.13", Env: []string{"CC=cc of the builder", "CFLAGS=-O2"}}
	env := Job{Env: []string{"CC=cc of the package", "CFLAGS=-DONE"}}.environment(root)
	for _, v := range env {
		if strings.Contains(v, "secret") || strings.Contains(v, "somebody") {
			t.Errorf("a build sees %s", v)
		}
	}
	for _, want := range []string{"CC=cc of the package", "CFLAGS=-O2 -DONE", "HOME=/tmp/home", "SOURCE_DATE_EPOCH=315532800", "PYTHONHASHSEED=0"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
	folder := t.TempDir()
	cross := Job{Target: Target{Folder: folder, Python: "python3.13", Sysconfig: "_sysconfigdata__linux_aarch64", HostPlatform: "linux-aarch64"}}
	env = cross.environment(root)
	for _, want := range []string{"_PYTHON_HOST_PLATFORM=linux-aarch64", "CFLAGS=-I/build/target/include/python3.13 -O2", "PYTHONPATH=/build/target/lib/python3.13"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
	if slices.ContainsFunc(env, func(v string) bool { return strings.Contains(v, filepath.Dir(folder)) }) {
		t.Errorf("a folder of this machine is in %q", env)
	}
}
