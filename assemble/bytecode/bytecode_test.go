package bytecode_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/layers"
)

// sources stores a layer with these files and returns its sources.
func sources(t testing.TB, store *layers.Store, files map[string]string) []bytecode.Source {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	blob, err := store.Ingest(t.Context(), layers.Source{Name: "layer", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes())), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := bytecode.Hashes(t.Context(), store, blob.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var all []bytecode.Source
	for name, sum := range hashes {
		all = append(all, bytecode.Source{Path: name, Layer: blob.Digest, SHA256: sum})
	}
	return all
}

func openStore(t testing.TB) *layers.Store {
	t.Helper()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// list is what a layer holds: path, and content for files.
func list(t testing.TB, store *layers.Store, b layers.Blob) map[string]string {
	t.Helper()
	all := make(map[string]string)
	src := layers.Source{Name: "made", Digest: b.Digest}
	if err := store.Tar(t.Context(), src, b.DiffID, func(r io.Reader) error {
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			content, err := io.ReadAll(tr)
			if err != nil {
				return err
			}
			all[h.Name] = string(content)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// hostPython runs the machine's own Python.
type hostPython struct{ program string }

func (p hostPython) Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	c := exec.CommandContext(ctx, p.program, args[1:]...)
	c.Stdin, c.Stdout = stdin, stdout
	return c.Run()
}

func python() bytecode.Python {
	return bytecode.Python{Program: "/usr/local/bin/python3", Version: "3.13.5", Tag: "cpython-313", Stdlib: "0"}
}

func TestLayerOfARealPython(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 on this machine")
	}
	if exec.CommandContext(t.Context(), program, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("the python3 of this machine is older than 3.11, which hashes sources in another way")
	}
	store := openStore(t)
	all := sources(t, store, map[string]string{
		"app/a.py": "import os\nx = {'a', 'b', 'c'}\n", "app/empty.py": "", "app/long.py": strings.Repeat("y = 'a string'\n", 5000),
		"app/bad.py": "x = 1\nif True\n    pass\n", "app/latin.py": "# -*- coding: latin-1 -*-\ns = '\xe9'\n", "app/broken.py": "s = '\xe9'\n",
		"app/__pycache__/old.py": "", "app/data.txt": "no source",
	})
	p := python()
	tag, err := exec.CommandContext(t.Context(), program, "-c", "import sys; print(sys.implementation.cache_tag, end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	p.Tag = string(tag)
	blob, faults, err := bytecode.Layer(t.Context(), store, hostPython{program}, p, bytecode.Unchecked, layers.MakeOptions{}, all)
	if err != nil {
		t.Fatal(err)
	}
	got := list(t, store, blob)
	for _, name := range []string{"a", "empty", "long", "latin"} {
		if pyc := got["app/__pycache__/"+name+"."+p.Tag+".pyc"]; len(pyc) < 20 || pyc[4] != 1 {
			t.Errorf("the bytecode of %s has %d bytes", name, len(pyc))
		}
	}
	if len(got) != 5 {
		t.Errorf("the layer holds %d members, want a folder and four files", len(got))
	}
	if len(faults) != 2 || faults[0].Path != "app/bad.py" || faults[0].Line != 2 || faults[1].Path != "app/broken.py" {
		t.Errorf("faults: %v", faults)
	}
	again, faults, err := bytecode.Layer(t.Context(), store, nil, p, bytecode.Unchecked, layers.MakeOptions{}, all)
	if err != nil || again != blob || len(faults) != 2 {
		t.Errorf("the second time: %v, %v, %v", again, faults, err)
	}
}

// fake answers as the driver does, after a change.
type fake struct {
	change func(name string, pyc []byte) []byte
}

func (f fake) Run(_ context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if !slices.Equal(args[1:6], []string{"-I", "-S", "-B", "-W", "ignore"}) {
		return fmt.Errorf("the interpreter is not isolated: %v", args[1:6])
	}
	magic := []byte{0xf3, 0x0d, 0x0d, 0x0a}
	if _, err := stdout.Write(slices.Concat(magic, []byte("\x0b\x00\x00\x00\x00\x00\x00\x00tcpython-313"))); err != nil {
		return err
	}
	r := bufio.NewReader(stdin)
	for {
		name, err := record(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		source, err2 := record(r)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		pyc := slices.Concat(magic, []byte{1, 0, 0, 0}, emptyHash(source), []byte("code"))
		if f.change != nil {
			if pyc = f.change(string(name), pyc); pyc == nil {
				return errors.New("it crashed")
			}
		}
		if _, err := stdout.Write(slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(pyc))), []byte("c"), pyc)); err != nil {
			return err
		}
	}
}

// emptyHash is _imp.source_hash(0x0a0d0df3, b"") and that of b"x = 1\n", as CPython 3.13 prints them.
func emptyHash(source []byte) []byte {
	switch string(source) {
	case "":
		return []byte{0x27, 0xec, 0x6d, 0x31, 0x2f, 0x93, 0xb8, 0x14}
	case "x = 1\n":
		return []byte{0xe7, 0x86, 0xe2, 0x89, 0x36, 0x51, 0x12, 0x0e}
	}
	panic("no such source")
}

func record(r io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	data := make([]byte, binary.LittleEndian.Uint64(head[:]))
	_, err := io.ReadFull(r, data)
	return data, err
}

func TestForgedBytecode(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.py": "", "b.py": "x = 1\n"}
	flip := func(at int) func(string, []byte) []byte {
		return func(name string, pyc []byte) []byte {
			if name == "b.py" {
				pyc[at] ^= 1
			}
			return pyc
		}
	}
	for name, c := range map[string]struct {
		change func(string, []byte) []byte
		fails  bool
		faults int
	}{
		"right":   {nil, false, 0},
		"magic":   {flip(0), true, 0},
		"flags":   {flip(4), true, 0},
		"hash":    {flip(8), true, 0},
		"no code": {func(_ string, pyc []byte) []byte { return pyc[:16] }, true, 0},
		"a crash": {func(name string, pyc []byte) []byte {
			if name == "b.py" {
				return nil
			}
			return pyc
		}, false, 1},
		"always crashes": {func(string, []byte) []byte { return nil }, false, 2},
	} {
		store := openStore(t)
		_, faults, err := bytecode.Layer(t.Context(), store, fake{c.change}, python(), bytecode.Unchecked, layers.MakeOptions{}, sources(t, store, files))
		if (err != nil) != c.fails || len(faults) != c.faults {
			t.Errorf("%s: faults %v, error %v", name, faults, err)
		}
	}
}

func TestTwoResults(t *testing.T) {
	t.Parallel()
	var count atomic.Int32
	store := openStore(t)
	change := func(_ string, pyc []byte) []byte { return append(pyc, byte(count.Add(1))) }
	_, faults, err := bytecode.Layer(t.Context(), store, fake{change}, python(), bytecode.Unchecked, layers.MakeOptions{}, sources(t, store, map[string]string{"a.py": ""}))
	if err != nil || len(faults) != 1 {
		t.Errorf("Layer = %v, %v, want a fault where the bytecode differs", faults, err)
	}
}

func TestWithoutRunner(t *testing.T) {
	t.Parallel()
	store := openStore(t)
	_, _, err := bytecode.Layer(t.Context(), store, nil, python(), bytecode.Unchecked, layers.MakeOptions{}, sources(t, store, map[string]string{"a.py": ""}))
	if !errors.Is(err, bytecode.ErrNoRunner) {
		t.Errorf("Layer = %v, want ErrNoRunner", err)
	}
}

func TestRecipe(t *testing.T) {
	t.Parallel()
	a, b := bytecode.Source{Path: "a.py", Layer: "1"}, bytecode.Source{Path: "b.py", Layer: "1"}
	other := a
	other.Layer = "2"
	for name, want := range map[string]bool{"usr/local/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py": true,
		"usr/local/lib/python3.13/config-3.13-x86_64-linux-musl/python-config.py": true, "usr/local/lib/python3.13/sysconfig/__init__.py": false} {
		if got := bytecode.IsOwn(name); got != want {
			t.Errorf("IsOwn(%q) = %v", name, got)
		}
	}
	x := bytecode.Recipe(python(), bytecode.Checked, []bytecode.Source{a, b})
	if y := bytecode.Recipe(python(), bytecode.Checked, []bytecode.Source{b, other}); x != y {
		t.Errorf("the recipe depends on the order or the layer: %s, %s", x, y)
	}
	if y := bytecode.Recipe(python(), bytecode.Unchecked, []bytecode.Source{a, b}); x == y {
		t.Error("the recipe does not depend on the mode")
	}
}

// TestOnlyWhatChangedIsCompiled edits one of two sources.
func TestOnlyWhatChangedIsCompiled(t *testing.T) {
	t.Parallel()
	store := openStore(t)
	var compiled atomic.Int32
	count := fake{func(_ string, pyc []byte) []byte { compiled.Add(1); return pyc }}
	make := func(files map[string]string) map[string]string {
		t.Helper()
		blob, faults, err := bytecode.Layer(t.Context(), store, count, python(), bytecode.Unchecked, layers.MakeOptions{}, sources(t, store, files))
		if err != nil || len(faults) > 0 {
			t.Fatalf("Layer: %v, %v", faults, err)
		}
		return list(t, store, blob)
	}
	make(map[string]string{"a.py": "", "b.py": ""})
	before := compiled.Load()
	got := make(map[string]string{"a.py": "", "b.py": "x = 1\n"})
	if n := compiled.Load() - before; n != 2 { // twice, to compare
		t.Errorf("after an edit of one source %d were compiled, want one in each of two passes", n)
	}
	if len(got) != 3 || got["__pycache__/a.cpython-313.pyc"] == got["__pycache__/b.cpython-313.pyc"] {
		t.Errorf("the layer holds %d members", len(got))
	}
}
