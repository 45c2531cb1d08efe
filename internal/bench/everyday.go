//go:build unix

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/internal/fixture"
)

// How much the scenarios of everyday work have of each thing.
const (
	manyFiles    = 100_000
	manyPackages = 1000
	bigIndex     = 30_000 // packages of one architecture
	wheels       = 40
	modules      = 50 // of a wheel
)

// everyday are the scenarios of what people wait for, other than packages of some size.
func everyday() []scenario {
	return []scenario{
		{name: fmt.Sprintf("one package of %d files, cold", manyFiles), prepare: manyCold("files", publishManyFiles)},
		{name: fmt.Sprintf("one package of %d files, warm", manyFiles), prepare: manyWarm("files", publishManyFiles)},
		{name: fmt.Sprintf("%d packages, cold", manyPackages), prepare: manyCold("packages", publishManyPackages)},
		{name: fmt.Sprintf("%d packages, warm", manyPackages), prepare: manyWarm("packages", publishManyPackages)},
		{name: fmt.Sprintf("an index of %d packages, first", bigIndex), prepare: resolveCold(1)},
		{name: fmt.Sprintf("indexes of 8 architectures, %d packages each, first", bigIndex), prepare: resolveCold(8)},
		{name: fmt.Sprintf("indexes of 8 architectures, %d packages each, warm", bigIndex), prepare: resolveWarm(8)},
		{name: "an unpinned runtime, warm", prepare: runtimeWarm(false)},
		{name: "a pinned runtime, warm", prepare: runtimeWarm(true)},
		{name: fmt.Sprintf("a Python application, %d wheels, cold", wheels), prepare: appCold((*world).madeUp)},
		{name: fmt.Sprintf("a Python application, %d wheels, warm", wheels), prepare: appWarm((*world).madeUp)},
		{name: "a Python application, one of its files changed, pushed", prepare: appChanged((*world).madeUp)},
		{name: "a real Python, application and bytecode, cold", prepare: appCold((*world).real)},
		{name: "a real Python, application and bytecode, warm", prepare: appWarm((*world).real)},
		{name: "a real Python, application and bytecode, one of its files changed, pushed", prepare: appChanged((*world).real)},
	}
}

// A publisher publishes a repository in the mirror and returns the packages to ask for.
type publisher func(w *world, repository string) (packages []string, err error)

func publishManyFiles(w *world, repository string) ([]string, error) {
	p := fixture.Package{Name: "many", Version: "1-r0", Arch: arches()[0]}
	for i := range manyFiles {
		p.Files = append(p.Files, fixture.File{Path: fmt.Sprintf("usr/share/many/%03d/%06d", i/1000, i), Body: []byte("0123456789abcdef")})
	}
	a, err := p.Build()
	if err != nil {
		return nil, err
	}
	return []string{p.Name}, w.mirror.Publish(repository, fixture.Index{Arch: p.Arch, Archives: []*fixture.Archive{a}})
}

func publishManyPackages(w *world, repository string) ([]string, error) {
	ix := fixture.Index{Arch: arches()[0]}
	var names []string
	for i := range manyPackages {
		p := fixture.Package{Name: fmt.Sprintf("q%04d", i), Version: "1-r0", Arch: ix.Arch}
		for j := range 5 {
			p.Files = append(p.Files, fixture.File{Path: fmt.Sprintf("usr/lib/%s/%d", p.Name, j), Body: fixture.Bulk(fmt.Sprint(i, j), 300)})
		}
		a, err := p.Build()
		if err != nil {
			return nil, err
		}
		ix.Archives, names = append(ix.Archives, a), append(names, p.Name)
	}
	return names, w.mirror.Publish(repository, ix)
}

// many writes the spec of a repository that it publishes once.
func (w *world) many(repository string, publish publisher) (string, error) {
	names, done := w.published[repository]
	if !done {
		var err error
		if names, err = publish(w, repository); err != nil {
			return "", err
		}
		w.published[repository] = names
	}
	return w.specOf(repository, 1, names, "")
}

func manyCold(repository string, publish publisher) preparation {
	return func(_ context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.many(repository, publish)
		return func(int) ([]string, error) { return assembleArgs(pyimg, spec, w.fresh("cache")), nil }, err
	}
}

func manyWarm(repository string, publish publisher) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.many(repository, publish)
		if err != nil {
			return nil, err
		}
		args := assembleArgs(pyimg, spec, w.fresh("cache"))
		return func(int) ([]string, error) { return args, nil }, quietly(ctx, args)
	}
}

// publishIndexes publishes indexes of made-up packages, which need not be there to be resolved.
func (w *world) publishIndexes() error {
	const repository = "indexes"
	if w.published[repository] != nil {
		return nil
	}
	for _, arch := range arches() {
		if err := w.mirror.Publish(repository, fixture.Index{Arch: arch, Edit: func(string) string { return madeUpIndex(arch, bigIndex) }}); err != nil {
			return err
		}
	}
	w.published[repository] = []string{"p29999", "p12000", "p500"}
	return nil
}

// madeUpIndex lists packages, each with a library, a few dependencies among those around it and before it, and documentation for
// every third.
func madeUpIndex(arch string, packages int) string {
	var b strings.Builder
	for i := range packages {
		fmt.Fprintf(&b, "C:Q1%s\nP:p%d\nV:1.%d.2-r0\nA:%s\nS:%d\nI:%d\nT:Package number %[2]d of many, which describes itself\n"+
			"U:https://example.org/p%[2]d\nL:MIT\no:p%[2]d\nm:Nobody <nobody@example.org>\nt:%d\nc:%040x\n",
			checksum(arch, i), i, i%7, arch, 1000+i, 2000+i, fixture.BuildTime, i)
		if i%3 == 2 {
			fmt.Fprintf(&b, "i:docs p%d=1.%d.2-r0\n\n", i-1, (i-1)%7)
			continue
		}
		fmt.Fprintf(&b, "D:so:lib%d.so.1 so:lib%d.so.1 p%d\np:so:lib%d.so.1=1.%d cmd:p%[4]d=1.2-r0\n\n", i/6*3, i/9*3, i/15*3, i, i%7)
	}
	return b.String()
}

func (w *world) resolveArgs(pyimg, cache string, platforms int) []string {
	args := []string{pyimg, "resolve", "--cache-dir", cache, "--repository", w.url + "/indexes", "--keyring", w.keys,
		"--platform", strings.Join(arches()[:platforms], ",")}
	return append(args, w.published["indexes"]...)
}

func resolveCold(platforms int) preparation {
	return func(_ context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		err := w.publishIndexes()
		return func(int) ([]string, error) { return w.resolveArgs(pyimg, w.fresh("cache"), platforms), nil }, err
	}
}

func resolveWarm(platforms int) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		if err := w.publishIndexes(); err != nil {
			return nil, err
		}
		args := w.resolveArgs(pyimg, w.fresh("cache"), platforms)
		return func(int) ([]string, error) { return args, nil }, quietly(ctx, args)
	}
}
