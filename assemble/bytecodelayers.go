package assemble

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// bytecodeMode is what the lock says, else the spec.
func (p Plan) bytecodeMode() lock.Bytecode {
	switch {
	case p.bytecode != nil:
		return *p.bytecode
	case p.Spec.Bytecode == "":
		return lock.Bytecode{Mode: string(bytecode.None)}
	}
	return lock.Bytecode{Mode: p.Spec.Bytecode}
}

// lockedBytecode is what the lock says: nothing where no bytecode was asked for.
func lockedBytecode(b lock.Bytecode) *lock.Bytecode {
	if b == (lock.Bytecode{Mode: string(bytecode.None)}) {
		return nil
	}
	return &b
}

// modules are the sources of one platform, and the Python that imports them.
type modules struct {
	python             bytecode.Python
	shared, files, own []bytecode.Source // files are those of the spec, of which people change one and start again
}

// compiled is a stack with bytecode.
type compiled struct {
	stack
	warnings []string
}

// addBytecode adds the layers of bytecode to all platforms. It returns what was made: none, and why, where nothing here can
// run the images' Python and nobody insists.
func addBytecode(ctx context.Context, want lock.Bytecode, below []lower, src input.Access) (lock.Bytecode, []compiled, error) {
	with := make([]compiled, len(below))
	for i, b := range below {
		with[i].stack = b.stack
	}
	if want.Mode == string(bytecode.None) {
		return want, with, nil
	}
	all := make([]modules, len(below))
	for i, b := range below {
		if b.plan.Base != nil {
			if err := b.plan.Base.Keep(ctx, src); err != nil { // it may have the Python that compiles, and sources
				return want, nil, fmt.Errorf("%s: %w", b.plan.Platform, err)
			}
		}
		m, err := b.modules(ctx)
		if err != nil {
			return want, nil, fmt.Errorf("%s: looking for Python modules: %w", b.plan.Platform, err)
		}
		all[i] = m
	}
	c := compilers{below: below, modules: all, runners: src.Runners, layers: src.Layers}
	for i, b := range below {
		var err error
		with[i], err = b.compile(ctx, bytecode.Mode(want.Mode), all[i], &c)
		if why := (*NoRunnerError)(nil); errors.As(err, &why) && b.spec.Lenient && b.plan.bytecode == nil { // a lock says what there is to be
			return dropBytecode(below, with, why)
		}
		if err != nil {
			return want, nil, fmt.Errorf("%s: making bytecode: %w", b.plan.Platform, err)
		}
	}
	return want, with, nil
}

// dropBytecode goes on without bytecode, with a warning, unless some of it was made.
func dropBytecode(below []lower, with []compiled, why *NoRunnerError) (lock.Bytecode, []compiled, error) {
	for i, b := range below {
		if len(with[i].layers) > len(b.layers) {
			return lock.Bytecode{}, nil, why // one platform has it, and the others are to be alike
		}
		with[i].warnings = append(with[i].warnings, "the image gets no bytecode, so Python starts slowly: "+why.Error())
	}
	return lock.Bytecode{Mode: string(bytecode.None), Why: why.Err.Error()}, with, nil
}

// standardLibrary finds os.py of a CPython: the prefix, and the version with the t of a free-threaded build.
func standardLibrary() *regexp.Regexp {
	return regexp.MustCompile(`^(.*/)?lib/python(3\.\d+t?)/os\.py$`)
}

// modules finds the image's Python and the sources that have no bytecode yet. The zero value is an image without Python.
func (b lower) modules(ctx context.Context) (modules, error) {
	prefix, version := b.findPython()
	if version == "" {
		return modules{}, nil
	}
	lib := prefix + "lib/python" + version + "/"
	m := modules{python: bytecode.Python{Program: "/" + prefix + "bin/python" + version, Version: b.pythonVersion(version),
		Tag: "cpython-" + strings.ReplaceAll(version, ".", "")}}
	stdlib := sha256.New()
	hashes := make(map[int]map[string][32]byte) // by layer
	for n := range b.tree.All() {
		if n.Entry.Header.Typeflag != tar.TypeReg || !bytecode.IsSource(n.Path) || !b.compiles(n, lib) {
			continue
		}
		if hashes[n.Layer] == nil {
			sums, err := bytecode.Hashes(ctx, b.store, b.layers[n.Layer].Digest)
			if err != nil {
				return m, err
			}
			hashes[n.Layer] = sums
		}
		sum, ok := hashes[n.Layer][n.Entry.Path()]
		if !ok || n.Entry.Path() != n.Path {
			continue // too large, or below a symlink
		}
		own := bytecode.IsOwn(n.Path)
		if strings.HasPrefix(n.Path, lib) && !strings.Contains(n.Path, "/site-packages/") && !own {
			fmt.Fprintf(stdlib, "%s %x\n", n.Path, sum)
		}
		if _, err := b.tree.Lookup(m.python.Compiled(n.Path)); err == nil {
			continue // the runtime brings it
		}
		s := bytecode.Source{Path: n.Path, Layer: b.layers[n.Layer].Digest, SHA256: sum}
		switch {
		case own:
			m.own = append(m.own, s)
		case strings.HasPrefix(n.Path, lib), b.layers[n.Layer].OfWheels():
			m.shared = append(m.shared, s)
		default:
			m.files = append(m.files, s)
		}
	}
	m.python.Stdlib = fmt.Sprintf("%x", stdlib.Sum(nil))
	if class := bytecodeClass(b.plan.Platform); class != "" {
		m.python.Stdlib += " " + class
	}
	return m, nil
}

// findPython finds the CPython in the tree, that of /usr/local where there are several.
func (b lower) findPython() (prefix, version string) {
	pattern := standardLibrary()
	for n := range b.tree.All() {
		found := pattern.FindStringSubmatch(n.Path)
		if found == nil {
			continue
		}
		if _, err := b.tree.Lookup(found[1] + "bin/python" + found[2]); err == nil && (version == "" || found[1] == "usr/local/") {
			prefix, version = found[1], found[2]
		}
	}
	return prefix, version
}

// compiles reports whether a source is to have bytecode: those of the standard library without its tests, of site-packages,
// of the folder that wheels go to, and of the spec's files.
func (b lower) compiles(n tree.Node, lib string) bool {
	rest, inLib := strings.CutPrefix(n.Path, lib)
	if !inLib {
		layer := b.layers[n.Layer]
		target := b.plan.site.Scheme.Purelib + "/"
		scripts := b.plan.site.Scheme.Scripts + "/" // nobody imports them
		return layer.From == hostfiles.LayerName || layer.OfWheels() && strings.HasPrefix(n.Path, target) && !strings.HasPrefix(n.Path, scripts)
	}
	if strings.HasPrefix(rest, "site-packages/") {
		return true
	}
	for dir := path.Dir(rest); dir != "."; dir = path.Dir(dir) {
		if base := path.Base(dir); base == "test" || base == "tests" {
			return false
		}
	}
	return true
}

// pythonVersion is the exact version where a runtime says it.
func (b lower) pythonVersion(short string) string {
	for _, r := range b.plan.Runtimes {
		if p := r.Report.Python; p != nil && strings.HasPrefix(p.Version, strings.TrimSuffix(short, "t")) {
			return p.Version
		}
	}
	if on := b.plan.Base; on != nil && on.Python != nil && strings.HasPrefix(on.Python.Python.Version, strings.TrimSuffix(short, "t")) {
		return on.Python.Python.Version
	}
	return short
}

// bytecodeClass tells platforms apart whose bytecode is not known to be the same: those that are not 64 bits wide and
// little-endian, which nobody has compared.
func bytecodeClass(p spec.Platform) string {
	switch machine, bits := p.Machine(); {
	case machine == elf.EM_S390:
		return "big-endian"
	case bits == 32:
		return "32 bits"
	}
	return ""
}

// compile adds one platform's layers. With an error it returns those that were made before.
func (b lower) compile(ctx context.Context, mode bytecode.Mode, m modules, c *compilers) (compiled, error) {
	with := compiled{stack: b.stack}
	for _, part := range []struct {
		name    string
		sources []bytecode.Source
	}{{lock.BytecodeName, m.shared}, {lock.OwnBytecodeName, m.own}, {lock.FilesBytecodeName, m.files}} {
		if len(part.sources) == 0 {
			continue
		}
		blob, faults, err := b.takeBytecode(ctx, mode, m.python, b.plan.bytecode[part.name], part.sources, c)
		if err != nil {
			return with, err
		}
		warnings, err := b.bytecodeFaults(faults)
		if err != nil {
			return with, err
		}
		with.warnings = append(with.warnings, warnings...)
		with.stack, err = with.add(lock.NewLayer(blob, part.name, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), b.store)
		if err != nil {
			return with, err
		}
	}
	return with, nil
}

// takeBytecode takes the layer that the lock has, by its digest, so that no Python need be run; "" is no lock. What is wrong with
// its sources was said when the lock was made. Where nobody has it, it is made.
func (b lower) takeBytecode(ctx context.Context, mode bytecode.Mode, p bytecode.Python, digest string, sources []bytecode.Source, c *compilers) (
	layers.Blob, []bytecode.Fault, error) {
	if digest != "" {
		blob, err := bytecode.Locked(ctx, b.store, c.layers, p, mode, making(b.spec.Layers), sources, digest)
		if !errors.Is(err, fs.ErrNotExist) {
			return blob, nil, err
		}
	}
	return bytecode.Layer(ctx, b.store, lazyRunner{c, p}, p, mode, making(b.spec.Layers), sources)
}

// bytecodeFaults warns of modules of Python and of packages that cannot be compiled. Those of the spec's files are errors.
func (b lower) bytecodeFaults(faults []bytecode.Fault) (warnings []string, err error) {
	var own []check.Finding
	var others []string
	for _, f := range faults {
		n, err := b.tree.Lookup(f.Path)
		if err == nil && n.Layer < len(b.layers) && b.layers[n.Layer].From == hostfiles.LayerName {
			own = append(own, check.Finding{Check: "python-syntax", Path: "/" + f.Path, Msg: f.Error(), Fix: "correct it, leave it out with exclude, or set bytecode: none"})
			continue
		}
		others = append(others, f.Error())
	}
	if len(own) > 0 {
		return nil, &check.UnsoundError{Findings: own}
	}
	if len(others) == 0 {
		return nil, nil
	}
	const most = 3
	more := ""
	if n := len(others) - most; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return []string{"modules that cannot be compiled have no bytecode: " + strings.Join(others[:min(len(others), most)], "; ") + more}, nil
}

// compilers finds a platform whose Python can be run here. One serves all that have the same Python.
type compilers struct {
	below   []lower
	modules []modules
	runners input.Runners
	layers  input.Layers // where layers of the lock may be; may be nil

	mu    sync.Mutex
	found map[bytecode.Python]foundRunner
}

// A foundRunner is what looking for a Python gave: it is unpacked and tried once for all layers and both passes.
type foundRunner struct {
	runner input.Runner
	err    error
}

// NoRunnerError says that bytecode has to be made, why no Python can be run here, and what to do.
type NoRunnerError struct{ Err error }

func (e *NoRunnerError) Error() string {
	return e.Err.Error() + "; or set bytecode: none (--bytecode none), or take the lock with the cache, or a bundle, of a machine that can run it"
}

// Unwrap gives the cause.
func (e *NoRunnerError) Unwrap() error { return e.Err }

// lazyRunner is a runner for a Python that is looked for when it is needed.
type lazyRunner struct {
	*compilers
	python bytecode.Python
}

// Run runs the program with the first platform's Python that is the same and can be run here.
func (l lazyRunner) Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	r, err := l.find(ctx)
	if err != nil {
		return err
	}
	return r.Run(ctx, args, stdin, stdout)
}

func (l lazyRunner) find(ctx context.Context) (input.Runner, error) {
	if l.runners == nil {
		return nil, &NoRunnerError{bytecode.ErrNoRunner}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.found[l.python]; ok {
		return f.runner, f.err
	}
	r, err := l.try(ctx)
	if ctx.Err() == nil {
		if l.found == nil {
			l.found = make(map[bytecode.Python]foundRunner)
		}
		l.found[l.python] = foundRunner{r, err}
	}
	return r, err
}

// try looks among the platforms that have the same Python.
func (l lazyRunner) try(ctx context.Context) (input.Runner, error) {
	var errs []error
	for _, i := range l.candidates() {
		b := l.below[i]
		root := make([]layers.Blob, 0, len(b.layers))
		for _, layer := range b.layers {
			if mayRun(layer) {
				root = append(root, layer.Blob())
			}
		}
		r, err := l.runners.Runner(ctx, input.RunnerRoot{Platform: b.plan.Platform.String(), Python: l.python.Program, Preload: b.fastAllocator(), Layers: root})
		if err == nil {
			return r, nil
		}
		errs = append(errs, err)
	}
	return nil, &NoRunnerError{errors.Join(errs...)}
}

// mayRun reports whether a layer is part of the root that compiles: nothing that a wheel or a file of the spec brings may run.
func mayRun(l lock.Layer) bool { return l.From != hostfiles.LayerName && !l.OfWheels() }

// fastAllocator is the path of the allocator that the image preloads, or else of one that a runtime brings, or "". musl's own allocator
// gives memory back to the kernel after each module, and compiling takes several times as long with it. The bytecode is the same.
func (b lower) fastAllocator() string {
	var paths []string
	if b.plan.allocator.Library().Name != "" { // the spec may preload a library that is no allocator
		paths = append(paths, b.plan.Preload)
	}
	for _, r := range b.plan.Runtimes {
		for _, a := range r.Report.Allocators {
			paths = append(paths, a.Path)
		}
	}
	for _, p := range paths {
		if n, err := b.tree.Lookup(strings.TrimPrefix(p, "/")); p != "" && err == nil && n.Layer < len(b.layers) && mayRun(b.layers[n.Layer]) {
			return p
		}
	}
	return ""
}

// candidates are the platforms that have the same Python, this machine's own first: others have to be emulated.
func (l lazyRunner) candidates() []int {
	var own, others []int
	for i, m := range l.modules {
		switch {
		case m.python != l.python:
		case l.below[i].plan.Platform.Architecture == runtime.GOARCH:
			own = append(own, i)
		default:
			others = append(others, i)
		}
	}
	return append(own, others...)
}
