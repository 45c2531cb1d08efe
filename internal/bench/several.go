//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// manySpecs is how many images the scenarios of several images make in one run.
const manySpecs = 200

// severalScenarios make many images on one base of packages in one run. Their rows are of the whole run, so a tenth of it is
// what twenty images cost.
func severalScenarios() []scenario {
	return []scenario{
		{fmt.Sprintf("%d specs, locked, unchanged, 2 platforms", manySpecs), nil, severalUnchanged(manySpecs, true)},
		{fmt.Sprintf("%d specs, no lock, unchanged, 2 platforms", manySpecs), nil, severalUnchanged(manySpecs, false)},
		{fmt.Sprintf("%d specs, no lock, unchanged, 2 platforms", manySpecs/10), nil, severalUnchanged(manySpecs/10, false)},
		{fmt.Sprintf("%d specs, one package changed, pushed", manySpecs), nil, severalChanged},
	}
}

// specs writes specs on the same packages, each with an environment of its own. They lie in a folder of their own.
func (w *world) specs(n, platforms int) ([]string, error) {
	base, err := w.spec("small", platforms, "")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(base)
	if err != nil {
		return nil, err
	}
	dir := w.fresh("specs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	names := make([]string, n)
	for i := range names {
		names[i] = filepath.Join(dir, fmt.Sprintf("app%03d.yaml", i))
		own := fmt.Appendf(text[:len(text):len(text)], "image: {env: {APP: app%d}}\n", i)
		if err := os.WriteFile(names[i], own, 0o600); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// severalArgs are the command line that pushes each image to a repository of its own below one name.
func (w *world) severalArgs(pyimg, cache string, specs []string) []string {
	w.counter++
	args := []string{pyimg, "assemble", "--cache-dir", cache, "--progress", "quiet", "--push", fmt.Sprintf("%s/several%d/{name}:1", w.host, w.counter)}
	return append(args, specs...)
}

// severalUnchanged pushes images that the tags name already.
func severalUnchanged(n int, locked bool) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		specs, err := w.specs(n, 2)
		if err != nil {
			return nil, err
		}
		cache := w.fresh("cache")
		if locked {
			if err := quietly(ctx, append([]string{pyimg, "lock", "--cache-dir", cache, "--progress", "quiet"}, specs...)); err != nil {
				return nil, err
			}
		}
		args := w.severalArgs(pyimg, cache, specs)
		return func(int) ([]string, error) { return args, nil }, quietly(ctx, args)
	}
}

// severalChanged has a new version of one package in each run. All other packages are in the cache and in the registry.
func severalChanged(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	specs, err := w.specs(manySpecs, 1)
	if err != nil {
		return nil, err
	}
	args := w.severalArgs(pyimg, w.fresh("cache"), specs)
	return func(run int) ([]string, error) {
		return args, w.publish("small", arches()[0], min(w.o.size, smallSize), run+2)
	}, quietly(ctx, args)
}
