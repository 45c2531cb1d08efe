//go:build unix

package main

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bytes"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/fixture"
)

// A world is what the scenarios need: a mirror with repositories of different sizes, a registry and a folder.
type world struct {
	o         options
	dir       string
	mirror    *fixture.Mirror
	registry  *fixture.Registry
	url       string // the mirror's
	host      string // the registry's
	keys      string
	archives  map[string][]*fixture.Archive // by architecture: the packages of the repository "main"
	realFiles []*fixture.Archive            // packages with files of real Pythons; nil until a scenario needs them
	counter   int                           // makes names unique

	toMirror, toRegistry link

	published  map[string][]string // repositories that scenarios published, and what to ask for
	alpine     *fixture.Mirror     // a small Alpine and a runtime, for a Python application; nil until a scenario needs it
	alpineURL  string
	runtimeSum string // SHA-256
}

// smallSize is the size in MiB of the packages in the scenarios of many platforms.
const smallSize = 2

// arches returns the Alpine architectures of the scenarios' platforms, those of amd64 and arm64 first.
func arches() []string {
	return []string{"x86_64", "aarch64", "armv7", "armhf", "x86", "ppc64le", "s390x", "riscv64"}
}

func newWorld(ctx context.Context, dir string, o options) (*world, error) {
	w := &world{o: o, dir: dir, mirror: fixture.NewMirror(), registry: fixture.NewRegistry(), archives: make(map[string][]*fixture.Archive),
		published: make(map[string][]string)}
	for i, arch := range arches() {
		if i < 2 {
			if err := w.publish("main", arch, o.size, 1); err != nil {
				return nil, err
			}
		}
		if err := w.publish("small", arch, min(o.size, smallSize), 1); err != nil {
			return nil, err
		}
	}
	key := fixture.TestKey()
	w.keys = filepath.Join(dir, key.Name)
	if err := os.WriteFile(w.keys, key.PublicPEM(), 0o600); err != nil {
		return nil, err
	}
	w.mirror.Fail(fixture.Fault{Delay: o.rtt})
	w.registry.Fail(fixture.Fault{Delay: o.rtt})
	w.mirror.Handler, w.registry.Handler = w.toMirror.behind(w.mirror.Handler), w.toRegistry.behind(w.registry.Handler)
	var err error
	if w.url, err = w.mirror.Serve(ctx); err != nil {
		return nil, err
	}
	at, err := w.registry.Serve(ctx)
	w.host = strings.TrimPrefix(at, "http://")
	return w, err
}

// publish makes a repository of packages that share no files. version is the version of package p00.
func (w *world) publish(repository, arch string, size, version int) error {
	old := w.archives[arch]
	ix := fixture.Index{Arch: arch}
	for i := range w.o.packages {
		p := fixture.Package{Name: fmt.Sprintf("p%02d", i), Version: "1-r0", Arch: arch}
		if i == 0 {
			p.Version = fmt.Sprintf("%d-r0", version)
		}
		if repository == "main" && i > 0 && len(old) > 0 {
			ix.Archives = append(ix.Archives, old[i])
			continue
		}
		for j := range size {
			p.Files = append(p.Files, fixture.File{Path: fmt.Sprintf("usr/lib/%s/%d", p.Name, j),
				Body: fixture.Bulk(fmt.Sprint(repository, arch, i, j, p.Version), 1<<20)})
		}
		a, err := p.Build()
		if err != nil {
			return err
		}
		ix.Archives = append(ix.Archives, a)
	}
	if repository == "main" {
		w.archives[arch] = ix.Archives
	}
	return w.mirror.Publish(repository, ix)
}

// spec writes a spec for the first platforms of arches. more is YAML to append.
func (w *world) spec(repository string, platforms int, more string) (string, error) {
	names := make([]string, w.o.packages)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
	}
	return w.specOf(repository, platforms, names, more)
}

// specOf is spec for any packages.
func (w *world) specOf(repository string, platforms int, names []string, more string) (string, error) {
	text := fmt.Sprintf("alpine: {repositories: [%q], keys: [%q], dialect: 3}\nplatforms: [%s]\npackages: [%s]\n%s",
		w.url+"/"+repository, w.keys, strings.Join(arches()[:platforms], ", "), strings.Join(names, ", "), more)
	name := w.fresh("spec") + ".yaml"
	return name, os.WriteFile(name, []byte(text), 0o600)
}

// serveAlpine serves a small Alpine and a runtime of 24 MiB.
func (w *world) serveAlpine(ctx context.Context) error {
	mirror, err := fixture.Alpine(arches()[0])
	if err != nil {
		return err
	}
	runtime := fixture.Runtime{Arch: arches()[0], Size: 24 << 20}.Bytes()
	w.runtimeSum = fmt.Sprintf("%x", sha256.Sum256(runtime))
	mirror.Put("runtime.tar.gz", runtime)
	mirror.Fail(fixture.Fault{Delay: w.o.rtt})
	w.alpineURL, err = mirror.Serve(ctx)
	w.alpine = mirror
	return err
}

// checksum is that of a made-up package.
func checksum(arch string, i int) string {
	sum := sha1.Sum(fmt.Append(nil, arch, i))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// fresh returns a new path in the folder.
func (w *world) fresh(name string) string {
	w.counter++
	return filepath.Join(w.dir, fmt.Sprintf("%s-%d", name, w.counter))
}

// inflateAndHash returns the minimum CPU time for the digests and diff IDs of packages: SHA-256 of the
// compressed bytes, decompressing, and SHA-256 of the tar.
func inflateAndHash(packages []*fixture.Archive) time.Duration {
	before := cpuTime()
	for _, a := range packages {
		sha256.Sum256(a.Data)
		if r, err := gzip.NewReader(bytes.NewReader(a.Data)); err == nil {
			_, _ = io.Copy(sha256.New(), r) // this program compressed the bytes itself, so there is no error
		}
	}
	return cpuTime() - before
}

// cpuTime returns the CPU time that this process has used on all cores, in user and kernel mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for this process, see getrusage(2)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
