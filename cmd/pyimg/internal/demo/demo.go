// Package demo shows the whole way of an image with no network: it serves a small signed mirror and a registry on loopback, and
// works on them as on real ones.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/remote"
)

const demoSpec = `alpine:
  branch: %[2]s
  mirrors: [%[1]s]
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, alpine-release, busybox, ca-certificates-bundle, tzdata]
runtime:
  python: "3.13.5"
  source: %[1]s/runtimes/cpython-{version}-{alpine_arch}-musl.tar.gz
allocator: jemalloc
image:
  cmd: [python3]
  annotations: {org.opencontainers.image.description: what pyimg demo made}
`

// demoStart is what the demo says first.
const demoStart = `The demo uses this machine's loopback network alone. Its packages and its
Python are stand-ins: their names, relations and formats are those of Alpine,
their contents are made up, and their programs only print what they stand for.
pyimg treats them as it treats real ones.

`

// demo is one run of the demonstration. Its steps fill it in, in the order of run.
type demo struct {
	out     io.Writer
	dir     string
	command string // how this program was started

	mirror   *fixture.Mirror
	registry *fixture.Registry
	spec     spec.Spec
	src      input.Access
	keys     *apk.Keyring
	done     func() // removes the cache
	ref      string
	lock     lock.Lock
}

// Run makes the demonstration: it prints its steps to out and leaves an OCI layout in dir. command is how this program was started.
func Run(ctx context.Context, out io.Writer, dir, command string) error {
	d := &demo{out: out, dir: dir, command: command}
	defer d.close()
	return d.run(ctx)
}

func (d *demo) close() {
	if d.done != nil {
		d.done()
	}
}

func (d *demo) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx) // ends the servers
	defer stop()
	if err := checkLoopback(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	start := time.Now()
	fmt.Fprint(d.out, demoStart)
	for _, step := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"serve", d.serve},
		{"assemble", d.assemble},
		{"push", d.push},
		{"pull back", d.pullBack},
		{"assemble again", d.assembleAgain},
		{"push again", d.pushAgain},
		{"write", d.write},
		{"start", d.start},
	} {
		from := time.Now()
		said, err := step.do(ctx)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", step.name, err)
		}
		fmt.Fprintf(d.out, "%-15s %6d ms  %s\n", step.name, time.Since(from).Milliseconds(), said)
	}
	fmt.Fprintf(d.out, "%-15s %6d ms\n\nLook at it:          %[3]s inspect %[4]s:latest\nA real one, online:  %[3]s assemble --output oci:image:latest\n",
		"done", time.Since(start).Milliseconds(), d.command, d.dir)
	return nil
}

// serve starts a mirror with packages and runtimes, and a registry.
func (d *demo) serve(ctx context.Context) (string, error) {
	arches := []string{"x86_64", "aarch64"}
	var err error
	if d.mirror, err = fixture.Alpine(arches...); err != nil {
		return "", err
	}
	for _, a := range arches {
		r := fixture.Runtime{Arch: a, Python: "3.13.5", Jemalloc: true, Size: 4 << 20}
		d.mirror.Put("runtimes/cpython-3.13.5-"+a+"-musl.tar.gz", r.Bytes())
	}
	mirror, err := d.mirror.Serve(ctx)
	if err != nil {
		return "", err
	}
	d.registry = fixture.NewRegistry()
	registry, err := d.registry.Serve(ctx)
	if err != nil {
		return "", err
	}
	d.ref = strings.TrimPrefix(registry, "http://") + "/demo/python:3.13"
	if d.spec, err = spec.Parse("demo.yaml", fmt.Appendf(nil, demoSpec, mirror, fixture.AlpineBranch)); err != nil {
		return "", err
	}
	cache, done, err := scratch.Dir("demo", 0o700)
	if err != nil {
		return "", err
	}
	d.done = done
	d.src, d.keys = input.Access{Fetch: &fetch.Client{}}, apk.NewKeyring()
	if d.src.Store, err = layers.OpenStore(cache, kept.Files()...); err != nil {
		return "", err
	}
	key := fixture.TestKey()
	return "a signed mirror at " + mirror + ", a registry at " + registry, d.keys.Add(key.Name, key.PublicPEM())
}

func (d *demo) build(ctx context.Context) (lock.Lock, error) {
	plan, err := assemble.Resolve(ctx, d.spec, d.src, d.keys)
	if err != nil {
		return lock.Lock{}, err
	}
	built, err := assemble.Build(ctx, plan, d.src, assemble.BuildOptions{})
	return built.Lock, err
}

func (d *demo) assemble(ctx context.Context) (string, error) {
	var err error
	if d.lock, err = d.build(ctx); err != nil {
		return "", err
	}
	packages, verbatim, all, size := 0, 0, 0, int64(0)
	for _, p := range d.lock.Platforms {
		packages += len(p.Packages)
		for _, l := range p.Layers {
			all++
			size += l.Size
			if len(l.Reasons) == 0 {
				verbatim++
			}
		}
	}
	return fmt.Sprintf("%s, %s, %s; %d of %s are their source's own bytes", termtext.Count(len(d.lock.Platforms), "platform"), termtext.Count(packages, "package"),
		termtext.Size(size), verbatim, termtext.Count(all, "layer")), nil
}

// index is the image that was built, its layers read from the store.
func (d *demo) index(ctx context.Context) (v1.ImageIndex, error) {
	return d.lock.Index(ctx, lock.FromStore(d.src.Store))
}

// demoRegistry asks without credentials, so that the logins of the user's docker and podman are not read.
func demoRegistry() push.Registry {
	return push.Registry{Client: remote.Client{Keychain: authn.NewMultiKeychain()}}
}

func (d *demo) push(ctx context.Context) (string, error) {
	index, err := d.index(ctx)
	if err != nil {
		return "", err
	}
	r, err := demoRegistry().Push(ctx, index, []string{d.ref}, push.Options{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %s, %s", r.Refs[0], termtext.Count(r.BlobsSent, "blob"), termtext.Size(r.BytesSent)), nil
}

// pullBack reads the image from the registry, all bytes of it, and holds it against what was built.
func (d *demo) pullBack(ctx context.Context) (string, error) {
	index, err := demoRegistry().Get(ctx, d.ref)
	if err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	if digest.String() != d.lock.Digest {
		return "", fmt.Errorf("the registry has %s, pushed was %s", digest, d.lock.Digest)
	}
	n, size := 0, int64(0)
	for _, p := range d.lock.Platforms {
		h, err := v1.NewHash(p.Manifest)
		if err != nil {
			return "", err
		}
		img, err := index.Image(h)
		if err != nil {
			return "", err
		}
		read, err := readLayers(img)
		if err != nil {
			return "", err
		}
		n += len(p.Layers)
		size += read
	}
	return fmt.Sprintf("%s; %s, %s read and their digests checked", digest, termtext.Count(n, "layer"), termtext.Size(size)), nil
}

// readLayers reads all layers; the client checks each digest as the bytes come.
func readLayers(img v1.Image) (size int64, err error) {
	ls, err := img.Layers()
	if err != nil {
		return 0, err
	}
	for _, l := range ls {
		r, err := l.Compressed()
		if err != nil {
			return size, err
		}
		n, err := io.Copy(io.Discard, r)
		size += n
		if err := errors.Join(err, r.Close()); err != nil {
			return size, err
		}
	}
	return size, nil
}

func (d *demo) assembleAgain(ctx context.Context) (string, error) {
	d.mirror.Forget()
	again, err := d.build(ctx)
	if err != nil {
		return "", err
	}
	if again.Digest != d.lock.Digest {
		return "", fmt.Errorf("got %s, the first time %s", again.Digest, d.lock.Digest)
	}
	return fmt.Sprintf("from the cache: the same digest, %s fetched", termtext.Count(d.mirror.Count("GET", ".apk"), "package")), nil
}

func (d *demo) pushAgain(ctx context.Context) (string, error) {
	index, err := d.index(ctx)
	if err != nil {
		return "", err
	}
	r, err := demoRegistry().Push(ctx, index, []string{d.ref}, push.Options{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s sent, %s", termtext.Count(r.BlobsSent, "blob"), termtext.Count(r.Requests, "request")), nil
}

func (d *demo) write(ctx context.Context) (string, error) {
	index, err := d.index(ctx)
	if err != nil {
		return "", err
	}
	return "an OCI layout in " + d.dir, disk.WriteLayout(ctx, d.dir, "latest", index)
}
