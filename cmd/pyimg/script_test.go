package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/wheels/repository"
)

func TestMain(m *testing.M) {
	sandbox.Main(rootless.Jobs()...)
	testscript.Main(m, map[string]func(){"pyimg": main})
}

// concurrent are the scripts in which most happens at once: fetching while sending, several images and registries, one store for all, jobs
// in the sandbox. With -short they are all that runs, which is for the race detector.
func concurrent() []string {
	return []string{"assemble", "bytecode", "mirrors", "outputs", "python", "registry", "several", "store", "wheelsindex", "wheelsregistry"}
}

// TestScripts runs the stories in testdata/script. Each has its own mirror ($MIRROR over http, $ALPINE the same on disk,
// signed by the key in $KEYS), its own registry ($REGISTRY), runtimes ($RUNTIMES) and cache.
func TestScripts(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		mirror.Put("runtimes/cpython-"+arch+".tar.gz", fixture.Runtime{Arch: arch, Jemalloc: true}.Bytes())
		mirror.Put("runtimes/pbs-"+arch+".tar.gz", fixture.Runtime{Arch: arch, Prefix: "python"}.Bytes())
	}
	for _, h := range fixture.HostileTarballs() {
		mirror.Put("runtimes/"+strings.ReplaceAll(h.Name, " ", "-")+".tar.gz", fixture.Tarball{Files: h.Files, Verbatim: true}.Bytes())
	}
	for name, body := range fixture.Standalone("20251028", "3.13.8") {
		mirror.Put("pbs/"+name, body)
	}
	for name, body := range fixture.Standalone("20251120", "3.13.8", "3.13.9") {
		mirror.Put("pbs/"+name, body)
	}
	mirror.Put("runtimes/worse.tar.gz", worseLayer())
	mirror.Put("runtimes/lacking.tar.gz", lackingRuntime())
	putWheels(mirror)
	putIndexes(t, mirror)
	putPythons(mirror)
	if err := putPythonPackages(mirror); err != nil {
		t.Fatal(err)
	}
	scripts := filepath.Join("..", "..", "testdata", "script")
	for _, name := range concurrent() {
		if _, err := os.Stat(filepath.Join(scripts, name+".txtar")); err != nil {
			t.Errorf("a script that runs with -short: %v", err)
		}
	}
	shared := t.TempDir()
	if err := mirror.Write(shared); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup:               func(e *testscript.Env) error { return setup(e, mirror, shared) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    exitsWith,
			"flip":    flip,
			"flipall": flipAll,
			"append":  appendLayer,
			"keypair": keyPair,
		},
	})
}

// indexWheels makes an index of a folder of wheels, as if they had been built.
func indexWheels(index, wheels string) error {
	files, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
	if err != nil {
		return err
	}
	x := repository.Open(index)
	for _, f := range files {
		name := filepath.Base(f)
		if _, err := x.Add(f, repository.Record{File: name, Keys: []string{"key of " + name}}); err != nil {
			return err
		}
	}
	return nil
}

// condition is [sandbox]: this machine can run an image.
func condition(name string) (bool, error) {
	if name != "sandbox" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	_, err = sandbox.Run(context.Background(), sandbox.Command{Lower: []string{dir}, Args: []string{"/nothing"}})
	return errors.As(err, new(*sandbox.StartError)), nil
}

func setup(e *testscript.Env, mirror *fixture.Mirror, shared string) error {
	if name := strings.TrimPrefix(filepath.Base(e.WorkDir), "script-"); testing.Short() && !slices.Contains(concurrent(), name) {
		e.T().Skip("-short: what runs at once in it runs in other scripts, too")
	}
	ctx, stop := context.WithCancel(context.Background())
	e.Defer(stop)
	alpine := filepath.Join(e.WorkDir, "alpine")
	if err := os.CopyFS(alpine, os.DirFS(shared)); err != nil {
		return err
	}
	if err := indexWheels(filepath.Join(alpine, "index"), filepath.Join(alpine, "wheels")); err != nil {
		return err
	}
	url, err := mirror.Serve(ctx)
	if err != nil {
		return err
	}
	registry := fixture.NewRegistry()
	at, err := registry.Serve(ctx)
	if err != nil {
		return err
	}
	e.Setenv("MIRROR", url)
	e.Setenv("ALPINE", alpine)
	e.Setenv("KEYS", filepath.Join(alpine, "keys"))
	e.Setenv("WHEELS", filepath.Join(alpine, "wheels"))
	e.Setenv("INDEX", filepath.Join(alpine, "index"))
	e.Setenv("BADWHEELS", filepath.Join(alpine, "badwheels"))
	e.Setenv("RUNTIMES", filepath.Join(alpine, "runtimes"))
	e.Setenv("REGISTRY", strings.TrimPrefix(at, "http://"))
	e.Setenv("PYIMG_CACHE_DIR", filepath.Join(e.WorkDir, ".cache"))
	e.Setenv("HOME", filepath.Join(e.WorkDir, ".home"))
	e.Setenv("GORACE", "atexit_sleep_ms=0") // else each process of a test under -race takes a second more
	return nil
}

// exitsWith runs a command and wants the exit code: code 2 pyimg assemble bad.yaml
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG...]")
	}
	script := `"$@"; test $? = ` + args[0]
	ts.Check(ts.Exec("sh", append([]string{"-c", script, "sh"}, args[1:]...)...))
}

// keyPair writes NAME.key, PKCS #8 without a password, and NAME.pub. What "pyimg key generate" writes takes a second to open, also where
// the password is empty.
func keyPair(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keypair NAME")
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	ts.Check(err)
	for name, block := range map[string]*pem.Block{
		args[0] + ".key": {Type: "PRIVATE KEY", Bytes: encoded},
		args[0] + ".pub": {Type: "PUBLIC KEY", Bytes: public},
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(block), 0o600))
	}
}

// flip inverts a byte in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	ts.Check(os.WriteFile(name, fixture.FlipByte(b, len(b)/2), 0o600))
}

// flipAll inverts a byte in the middle of each file of a folder.
func flipAll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flipall DIR")
	}
	files, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, f := range files {
		flip(ts, false, []string{filepath.Join(args[0], f.Name())})
	}
}

// worseLayer is a layer that spoils an image.
func worseLayer() []byte {
	return fixture.Tarball{Files: []fixture.File{
		{Path: "usr/local/lib/.wh.libpython3.13.so.1.0"},
		{Path: "usr/local/bin/foreign", Mode: 0o755, Body: fixture.Executable("s390x").Bytes()},
		{Path: "usr/local/bin/su", Mode: 0o4755, Body: []byte("#!/bin/sh\n")},
	}}.Bytes()
}

// lackingRuntime is one whose library nothing provides.
func lackingRuntime() []byte {
	return fixture.Tarball{Files: []fixture.File{
		{Path: "usr/local/lib/lacks.so", Mode: 0o755, Body: fixture.Library("x86_64", "lacks.so", "libnowhere.so.9").Bytes()},
	}}.Bytes()
}

// appendLayer adds a layer on top of each image of a layout, without a word in the history: append FROM TO LAYER
func appendLayer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: append FROM TO LAYER")
	}
	raw, err := os.ReadFile(args[2])
	ts.Check(err)
	old, err := disk.ReadLayout(ts.MkAbs(args[0]))
	ts.Check(err)
	m, err := old.IndexManifest()
	ts.Check(err)
	index := mutate.RemoveManifests(old, func(v1.Descriptor) bool { return true })
	for _, d := range m.Manifests {
		img, err := old.Image(d.Digest)
		ts.Check(err)
		f, err := img.ConfigFile()
		ts.Check(err)
		history := f.History
		img, err = mutate.AppendLayers(img, static.NewLayer(raw, types.OCILayer))
		ts.Check(err)
		f, err = img.ConfigFile()
		ts.Check(err)
		f = f.DeepCopy()
		f.History = history
		img, err = mutate.ConfigFile(img, f)
		ts.Check(err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: d.Platform}})
	}
	ts.Check(disk.WriteLayout(context.Background(), ts.MkAbs(args[1]), "", index))
}
