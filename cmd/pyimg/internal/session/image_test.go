package session

import "testing"

func TestIsPath(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		"nothere.tar": true, "nothere.tar:1": true, "dist/x.tar.gz": true, "x.tgz": true, "app.yaml": true, "./x": true, "../x": true, "..": true,
		"/abs": true, "~/x": true, `C:\x`: true, "C:/x": true, `x\y`: true, "x/": true, "image/:latest": true, "my.dir/x.tar": true,
		"python:3.13": false, "ghcr.io/you/x": false, "ghcr.io/you/x:1.tar": false, "ghcr.io/you/x.tar:1": false, "localhost:5000/x": false,
		"ghcr.io/you/x.tar@sha256:0": false, "you/tar": false, "x": false, "127.0.0.1:5000/a/b:1": false, "docker.io/library/python:3.13-alpine": false,
	} {
		if got := isPath(arg); got != want {
			t.Errorf("isPath(%q) = %v, want %v", arg, got, want)
		}
	}
}

func TestNamesNoRegistry(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{"image:latest": true, "image": true, "team/app:1": true, "image@sha256:0": true,
		"ghcr.io/you/x:1": false, "localhost/x": false, "127.0.0.1:5000/a": false, "registry:5000/a": false} {
		if got := namesNoRegistry(arg); got != want {
			t.Errorf("namesNoRegistry(%q) = %v, want %v", arg, got, want)
		}
	}
}
