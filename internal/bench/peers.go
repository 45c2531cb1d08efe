//go:build unix

package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// errAbsent says that a scenario needs a program that is not installed. It is left out, and that is said.
var errAbsent = errors.New("not measured")

func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not on PATH", errAbsent, name)
	}
	return path, nil
}

// peers are the same tasks done by other programs, each for one platform and pushed to the registry.
func peers() []scenario {
	return []scenario{
		{name: "apko: cold, pushed", floor: mains(1), prepare: func(_ context.Context, w *world, _ string) (func(int) ([]string, error), error) {
			config, apko, err := w.apkoConfig()
			return func(int) ([]string, error) { return w.apkoPublish(apko, config, w.fresh("cache")), nil }, err
		}},
		{name: "apko: warm, pushed", prepare: func(ctx context.Context, w *world, _ string) (func(int) ([]string, error), error) {
			config, apko, err := w.apkoConfig()
			if err != nil {
				return nil, err
			}
			cache := w.fresh("cache")
			return func(int) ([]string, error) { return w.apkoPublish(apko, config, cache), nil }, quietly(ctx, w.apkoPublish(apko, config, cache))
		}},
		{name: "crane append: a Python application, one of its files changed, pushed", prepare: craneAppend},
		{name: "podman build: a Python application, one of its files changed, pushed", prepare: podmanBuild},
	}
}

func (w *world) apkoPublish(apko, config, cache string) []string {
	w.counter++
	return []string{apko, "publish", config, fmt.Sprintf("%s/bench/%d:1", w.host, w.counter),
		"--arch", arches()[0], "--cache-dir", cache, "--sbom=false", "--log-level", "error"}
}

func (w *world) apkoConfig() (config, apko string, err error) {
	if apko, err = program("apko"); err != nil {
		return "", "", err
	}
	text := fmt.Sprintf("contents:\n  repositories: [%q]\n  keyring: [%q]\n  packages:\n", w.url+"/main", w.keys)
	for i := range w.o.packages {
		text += fmt.Sprintf("    - p%02d\n", i)
	}
	config = w.fresh("apko") + ".yaml"
	return config, apko, os.WriteFile(config, []byte(text), 0o600)
}

// pushedApplication pushes the Python application, for programs that change one of its files. It returns its folder and image.
func (w *world) pushedApplication(ctx context.Context, pyimg string) (dir, image string, err error) {
	spec, err := w.application(ctx, (*world).madeUp)
	if err != nil {
		return "", "", err
	}
	w.counter++
	image = fmt.Sprintf("%s/bench/%d:base", w.host, w.counter)
	return filepath.Dir(spec), image, quietly(ctx, append(assembleArgs(pyimg, spec, w.fresh("cache")), "--push", image))
}

// craneAppend puts a layer of the application's folder on the image. crane packs no folder itself; that is not measured.
func craneAppend(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	crane, err := program("crane")
	if err != nil {
		return nil, err
	}
	dir, image, err := w.pushedApplication(ctx, pyimg)
	return func(run int) ([]string, error) {
		layer := w.fresh("layer") + ".tar"
		return []string{crane, "append", "--insecure", "-b", image, "-t", image + "-next", "-f", layer, "--platform", "linux/amd64"}, packApplication(dir, layer, run)
	}, err
}

func packApplication(dir, layer string, run int) error {
	f, err := os.Create(layer)
	if err != nil {
		return err
	}
	t := tar.NewWriter(f)
	err = errors.Join(os.WriteFile(filepath.Join(dir, "app", "main.py"), fmt.Appendf(nil, "print(%d)\n", run), 0o600), t.AddFS(os.DirFS(dir)))
	return errors.Join(err, t.Close(), f.Close())
}

// podmanBuild copies the application onto the image as a Dockerfile does, and pushes the result.
func podmanBuild(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	podman, err := program("podman")
	if err != nil {
		return nil, err
	}
	dir, image, err := w.pushedApplication(ctx, pyimg)
	if err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "FROM %s\nCOPY app /app\n", image)
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), text, 0o600); err != nil {
		return nil, err
	}
	root := w.fresh("podman")
	line := fmt.Sprintf("%[1]s --root %[2]s --runroot %[2]s-run build -q --tls-verify=false -t %[3]s-next %[4]s && %[1]s --root %[2]s --runroot %[2]s-run push -q --tls-verify=false %[3]s-next",
		podman, root, image, dir)
	args := []string{"/bin/sh", "-c", line}
	if err := quietly(ctx, args); err != nil {
		return nil, fmt.Errorf("%w: podman cannot build here: %w", errAbsent, err)
	}
	return func(run int) ([]string, error) {
		return args, os.WriteFile(filepath.Join(dir, "app", "main.py"), fmt.Appendf(nil, "print(%d)\n", run), 0o600)
	}, nil
}
