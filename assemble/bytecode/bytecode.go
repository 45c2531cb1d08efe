// Package bytecode makes layers of the .pyc files that CPython would make at each start: of the standard library, of wheels
// and of an application. The image's own CPython compiles them, in a root that holds the runtime and its libraries alone.
// Sources go in as data and are compiled, never run. What comes back is checked: magic number, flags and the hash of the
// source, and that a second compilation, in another order, gives the same bytes. See PEP 552 and PEP 3147.
package bytecode

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
)

// Mode is which .pyc files are made.
type Mode string

// The modes, as the spec names them.
const (
	None      Mode = "none"
	Unchecked Mode = "unchecked" // Python never looks at the source: the fastest start
	Checked   Mode = "checked"   // Python compares the source's hash at each import
)

// flags are what PEP 552 puts after the magic number.
func (m Mode) flags() byte {
	if m == Checked {
		return 0b11
	}
	return 0b01
}

// Python is the CPython that compiles.
type Python struct {
	Program string // its path in the root, such as /usr/local/bin/python3.13
	Version string // such as 3.13.5
	Tag     string // of its .pyc files, such as cpython-313
	Stdlib  string // SHA-256 over its standard library's sources, in hex: with Version it says which bytecode it makes
}

// A Runner runs a program in the root of one platform. It runs nothing that the caller does not name.
type Runner interface {
	Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error
}

// A Source is a module's source.
type Source struct {
	Path   string   // in the image, without a slash at its begin
	Layer  string   // digest of the layer that has it
	SHA256 [32]byte // of its content
}

// Compiled is where Python looks for the bytecode of a source: PEP 3147.
func (p Python) Compiled(source string) string {
	name := strings.TrimSuffix(path.Base(source), ".py")
	return path.Join(path.Dir(source), "__pycache__", name+"."+p.Tag+".pyc")
}

// A Fault is a source without bytecode.
type Fault struct {
	Path string
	Line int // 0 where no line is to blame
	Text string
}

func (f Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("/%s:%d: %s", f.Path, f.Line, f.Text)
	}
	return fmt.Sprintf("/%s: %s", f.Path, f.Text)
}

// IsOwn reports whether a source is a platform's own by its name: what the interpreter was built with. All others are the
// same on all platforms where the same was installed, and so is their layer.
func IsOwn(name string) bool {
	return strings.HasPrefix(path.Base(name), "_sysconfigdata_") || strings.HasPrefix(path.Base(path.Dir(name)), "config-")
}

// Recipe names the layer that Layer makes of these sources: the same for the same Python, mode and sources on every platform.
func Recipe(p Python, mode Mode, sources []Source) string {
	sorted := slices.SortedFunc(slices.Values(sources), func(a, b Source) int { return cmp.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, s := range sorted {
		fmt.Fprintf(h, "%s\x00%x\x00", s.Path, s.SHA256)
	}
	return fmt.Sprintf("bytecode %d %s %s %s %s %x", versions.Bytecode, mode, p.Version, p.Tag, p.Stdlib, h.Sum(nil))
}

// Layer makes the layer of the sources' bytecode, or returns the one that the store has. Faults are sources that are no
// Python: the layer lacks them. Without a runner (nil) it returns ErrNoRunner where the store has no such layer.
func Layer(ctx context.Context, store *layers.Store, r Runner, p Python, mode Mode, o layers.MakeOptions, sources []Source) (layers.Blob, []Fault, error) {
	recipe := Recipe(p, mode, sources)
	blob, err := store.Make(ctx, recipe, o, func(tw *tar.Writer) error {
		if r == nil {
			return ErrNoRunner
		}
		c := &compilation{store: store, runner: r, python: p, mode: mode, sources: sources}
		defer c.close()
		faults, err := c.run(ctx)
		if err != nil {
			return err
		}
		if err := store.SetRecord(faultsKey(recipe), encodeFaults(faults)); err != nil {
			return err
		}
		return c.write(tw)
	})
	if err != nil {
		return layers.Blob{}, nil, err
	}
	faults, err := store.Record(faultsKey(recipe))
	if err != nil {
		return blob, nil, nil //nolint:nilerr // they have been said when the layer was made
	}
	return blob, decodeFaults(faults), nil
}

// ErrNoRunner says that bytecode has to be made and that nothing here can run the image's Python.
var ErrNoRunner = errors.New("the image's Python cannot be run here")

func faultsKey(recipe string) string { return "faults of " + recipe }

// write writes the members: folders and files by path, owned by root, without a time that depends on anything.
func (c *compilation) write(tw *tar.Writer) error {
	made := make(map[string]bool)
	for _, r := range slices.SortedFunc(slices.Values(c.results), func(a, b result) int { return cmp.Compare(a.path, b.path) }) {
		if dir := path.Dir(r.path); !made[dir] {
			made[dir] = true
			if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)}); err != nil {
				return err
			}
		}
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: r.path, Mode: 0o644, Size: r.size, ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		if _, err := io.Copy(tw, io.NewSectionReader(c.output, r.offset, r.size)); err != nil {
			return err
		}
	}
	return nil
}

// hexHash is a hash as text.
func hexHash(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
