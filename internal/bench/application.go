//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// A pythonHead makes the part of a Python application's spec that says what the application runs on.
type pythonHead func(w *world, ctx context.Context) (yaml string, err error)

// madeUp is a small Alpine and a runtime of 24 MiB, which is pinned.
func (w *world) madeUp(ctx context.Context) (string, error) { return w.madeUpHead(ctx, true) }

func (w *world) madeUpHead(ctx context.Context, pinned bool) (string, error) {
	if w.alpine == nil {
		if err := w.serveAlpine(ctx); err != nil {
			return "", err
		}
	}
	source := w.alpineURL + "/runtime.tar.gz"
	if pinned {
		source += "\n  sha256: " + w.runtimeSum
	}
	return fmt.Sprintf("alpine: {branch: %s, mirrors: [%q], keys: [%q]}\nplatforms: [linux/amd64]\npackages: [alpine-baselayout, busybox]\n"+
		"runtime:\n  source: %s\n", fixture.AlpineBranch, w.alpineURL, w.keys, source), nil
}

// real is Alpine's own packages and a CPython, from the folder of real packages. The bytecode of its standard library, of the wheels and
// of the application is made.
func (w *world) real(context.Context) (string, error) {
	shared, err := filepath.Abs(w.o.shared)
	if err != nil {
		return "", err
	}
	runtime := filepath.Join(shared, "runtimes", "cpython-3.13.5-x86_64-alpine-musl-optimized.tar.gz")
	if _, err := os.Stat(runtime); err != nil {
		return "", fmt.Errorf("%w: there is no real Python (%w); -shared names the folder", errAbsent, err)
	}
	mirror := filepath.Join(shared, "alpine-mirror")
	return fmt.Sprintf("alpine: {branch: v3.20, mirrors: [%q], repositories: [main], keys: [%q]}\nplatforms: [linux/amd64]\npackages: [alpine-baselayout, busybox]\n"+
		"runtime: {source: %q, prefix: /usr/local}\nbytecode: unchecked\n", mirror, filepath.Join(mirror, "keys"), runtime), nil
}

// runtimeWarm has a runtime of 24 MiB on the mirror, and all in the cache. Unpinned, the server is asked whether it changed.
func runtimeWarm(pinned bool) preparation {
	return appWarm(func(w *world, ctx context.Context) (string, error) { return w.madeUpHead(ctx, pinned) })
}

func appCold(head pythonHead) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.application(ctx, head)
		return func(int) ([]string, error) { return assembleArgs(pyimg, spec, w.fresh("cache")), nil }, err
	}
}

func appWarm(head pythonHead) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.application(ctx, head)
		if err != nil {
			return nil, err
		}
		args := assembleArgs(pyimg, spec, w.fresh("cache"))
		return func(int) ([]string, error) { return args, nil }, quietly(ctx, args)
	}
}

func appChanged(head pythonHead) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.application(ctx, head)
		if err != nil {
			return nil, err
		}
		w.counter++
		args := append(assembleArgs(pyimg, spec, w.fresh("cache")), "--push", fmt.Sprintf("%s/bench/%d:latest", w.host, w.counter))
		return func(run int) ([]string, error) {
			return args, os.WriteFile(filepath.Join(filepath.Dir(spec), "app", "main.py"), fmt.Appendf(nil, "print(%d)\n", run), 0o600)
		}, quietly(ctx, args)
	}
}

// application writes a folder with a spec, wheels and an application of 200 files. It returns the spec.
func (w *world) application(ctx context.Context, head pythonHead) (string, error) {
	text, err := head(w, ctx)
	if err != nil {
		return "", err
	}
	dir := w.fresh("app")
	if err := os.MkdirAll(filepath.Join(dir, "app"), 0o700); err != nil {
		return "", err
	}
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(dir, "app", fmt.Sprintf("m%03d.py", i)), module(fmt.Sprint("m", i)), 0o600); err != nil {
			return "", err
		}
	}
	text += "files: [{from: ./app, to: /app}]\npython:\n  wheels:\n"
	for i := range wheels {
		wheel := wheeltest.Wheel{Name: fmt.Sprintf("dist%02d", i)}
		for j := range modules {
			wheel.Files = append(wheel.Files, wheeltest.File{Name: fmt.Sprintf("%s/m%02d.py", wheel.Name, j), Data: string(module(fmt.Sprint(i, j)))})
		}
		if err := os.WriteFile(filepath.Join(dir, wheel.Filename()), wheel.Bytes(), 0o600); err != nil {
			return "", err
		}
		text += "    - " + wheel.Filename() + "\n"
	}
	spec := filepath.Join(dir, "pyimg.yaml")
	return spec, os.WriteFile(spec, []byte(text), 0o600)
}

// module is a Python module of some 4 KiB. Modules of other names have other words.
func module(name string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "\"\"\"Module %s.\"\"\"\n\nimport os\n", name)
	for i := 0; b.Len() < 4<<10; i++ {
		sum := checksum(name, i)
		fmt.Fprintf(&b, "\n\ndef handle_%d(request, default=%q):\n    \"\"\"Return what %s asks for.\"\"\"\n"+
			"    found = {key: os.path.join(default, value) for key, value in request.items() if value}\n"+
			"    return found.get(%q, default) if len(found) > %d else None\n", i, sum, name, sum[:12], i)
	}
	return []byte(b.String())
}
