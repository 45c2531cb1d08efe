package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/layers/elf"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Options say what a wheel is compared with in addition to its own tags.
type Options struct {
	Target   *target.Target // the Python that it is for; nil: any that its tags name
	Provides Provides       // nil: what the system has is not asked for
}

// Provides finds the packages of Alpine that provide libraries on a machine, which is named as uname -m does.
type Provides func(ctx context.Context, machine string, sonames []string) ([]repository.Alpine, error)

// File audits a wheel. What cannot be opened as one, or is not what its RECORD says, is an error of the report, too.
func File(ctx context.Context, name string, o Options) (Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Report{}, err
	}
	r := Report{Wheel: filepath.Base(name)}
	if strings.HasSuffix(name, ".so") {
		return r, r.module(ctx, f, info.Size(), o)
	}
	w, err := wheel.Open(f, info.Size(), r.Wheel)
	if err != nil {
		r.fault("", "%v", err)
		return r, nil
	}
	r.Warnings = w.Warnings
	files, err := r.read(ctx, w)
	if err != nil {
		return r, err
	}
	a := auditor{report: &r, wheel: w, options: o, files: files}
	a.audit()
	return r, a.provide(ctx)
}

// provide finds the libraries of the system that are needed. One that nothing provides is a fault.
func (a *auditor) provide(ctx context.Context) error {
	if a.options.Provides == nil || len(a.report.Needs) == 0 {
		return nil
	}
	machines := a.machines()
	if len(machines) == 0 {
		machines = []string{elfMachine(a.files[0].facts)}
	}
	for _, machine := range machines {
		found, err := a.options.Provides(ctx, machine, a.report.Needs)
		if err != nil {
			return err
		}
		a.report.Provided = found
		for _, so := range a.report.Needs {
			if !slices.ContainsFunc(found, func(p repository.Alpine) bool { return p.So == so }) {
				a.report.fault("", "it needs %s, which neither the wheel nor a package of Alpine has", so)
			}
		}
	}
	return nil
}

// module audits an extension module that is in no wheel.
func (r *Report) module(ctx context.Context, f *os.File, size int64, o Options) error {
	head := make([]byte, 4)
	if n, _ := f.ReadAt(head, 0); !elf.IsELF(head[:n]) {
		r.fault("", "is no ELF file")
		return nil
	}
	r.Machine = true
	a := auditor{report: r, wheel: new(wheel.Wheel), options: o, files: []binary{readBinary(r.Wheel, f, size)}}
	a.binary(a.files[0], map[string]bool{r.Wheel: true})
	slices.Sort(r.Needs)
	return a.provide(ctx)
}

// binary is an ELF file of a wheel.
type binary struct {
	name    string
	facts   *elf.Facts
	exports map[uint32]bool // hashes of the names that it defines
}

func readBinary(name string, r io.ReaderAt, size int64) binary {
	b := binary{name: name, facts: elf.Read(r, size, elf.Options{Imports: true}), exports: make(map[uint32]bool)}
	for h := range b.facts.Exports.All() {
		b.exports[h] = true
	}
	return b
}

// read verifies the wheel against its RECORD and reads its ELF files. The error is one of this machine.
func (r *Report) read(ctx context.Context, w *wheel.Wheel) ([]binary, error) {
	dir, done, err := scratch.Dir("audit", 0o700)
	if err != nil {
		return nil, err
	}
	defer done()
	var members []string
	var open []*os.File
	defer func() {
		for _, f := range open {
			_ = f.Close() // it was read
		}
	}()
	var failed error
	_, err = w.Verify(ctx, func(m archive.Member) io.Writer {
		f, err := os.CreateTemp(dir, "elf-")
		if err != nil {
			failed = errors.Join(failed, err)
			return nil
		}
		members, open = append(members, m.Name), append(open, f)
		return f
	})
	if failed != nil || ctx.Err() != nil {
		return nil, errors.Join(failed, ctx.Err())
	}
	if err != nil {
		r.fault("", "%v", err)
		return nil, nil
	}
	files := make([]binary, len(members))
	for i, f := range open {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		files[i] = readBinary(members[i], f, info.Size())
	}
	return files, nil
}

// auditor compares one wheel.
type auditor struct {
	report  *Report
	wheel   *wheel.Wheel
	options Options
	files   []binary

	musl            map[string]bool // what musl defines, once it is asked for
	ownNeedsOutside bool            // a library that the wheel brings needs others of the system, whose names count for the rest of the wheel
}

func (a *auditor) audit() {
	a.report.Machine = len(a.files) > 0
	a.platforms()
	if t := a.options.Target; t != nil && !t.Tags.Fits(a.wheel.Filename) {
		a.report.fault("", "none of its tags is one that Python %s on %s takes", t.Python, t.Platform)
	}
	own := make(map[string]bool) // sonames and file names that the wheel brings
	for _, f := range a.files {
		own[path.Base(f.name)] = true
		own[f.facts.Soname] = true
	}
	a.ownNeedsOutside = a.needsOutside(own)
	for _, f := range a.files {
		a.binary(f, own)
	}
	for _, m := range a.wheel.Archive.Members {
		if !m.Dir && strings.HasSuffix(m.Name, ".so") {
			a.extension(m.Name)
		}
	}
	if len(a.report.Errors) == 0 {
		a.install()
	}
	slices.Sort(a.report.Needs)
	a.report.Needs = slices.Compact(a.report.Needs)
}

// needsOutside reports whether a file of the wheel that others are linked to needs a library of the system.
func (a *auditor) needsOutside(own map[string]bool) bool {
	for _, f := range a.files {
		linked := slices.ContainsFunc(a.files, func(o binary) bool {
			return slices.ContainsFunc(o.facts.Needed, func(so string) bool { return path.Base(so) == path.Base(f.name) || so == f.facts.Soname })
		})
		if linked && slices.ContainsFunc(f.facts.Needed, func(so string) bool { return !own[path.Base(so)] && !isMusl(so) && !isPython(so) }) {
			return true
		}
	}
	return false
}

// install checks what the wheel would leave: entry points, keys of .data, names of scripts.
func (a *auditor) install() {
	t := a.options.Target
	if t == nil {
		machine := "x86_64"
		if machines := a.machines(); len(machines) > 0 {
			machine = machines[0]
		}
		made, err := target.New("its own platform", target.Python{Version: fmt.Sprintf("3.%d.0", a.minor()), Musl: "1.2", Machine: machine})
		if err != nil {
			a.report.fault("", "%v", err)
			return
		}
		made.Tags = tag.NewSet(a.wheel.Filename.Tags)
		t = &made
	}
	w := *a.wheel
	w.Metadata.RequiresPython = version.Specifiers{} // it may be for another Python than the one that is made up here
	if _, err := install.New(&w, nil, install.Options{Scheme: install.NewScheme("usr/local", "python3"), Interpreter: "/usr/local/bin/python3", Target: *t}); err != nil {
		a.report.fault("", "%v", err)
	}
}

// binary checks one ELF file.
func (a *auditor) binary(f binary, own map[string]bool) {
	facts := f.facts
	if facts.Class == 0 { // it only begins as an ELF file does
		return
	}
	if len(a.machines()) == 0 && slices.Contains(platformsOf(a.wheel.Filename), "any") {
		return // see pure
	}
	if facts.Err != "" {
		a.report.fault(f.name, "is an ELF file that cannot be understood: %s", facts.Err)
		return
	}
	if have := elfMachine(facts); len(a.machines()) > 0 && !slices.ContainsFunc(a.machines(), func(m string) bool { return sameMachine(m, have) }) {
		a.report.fault(f.name, "is for the machine %s, the tag says %s", have, strings.Join(a.machines(), ", "))
	}
	if facts.GLIBC() {
		a.report.fault(f.name, "is linked to glibc, not to musl")
		return
	}
	if oldest, ok := a.oldestMusl(); ok && oldest < firstOf12 {
		for _, name := range f.facts.Imports {
			if isNewIn12(name) {
				a.report.fault(f.name, "needs %s, which musl has since 1.2, and the tag says that 1.%d is enough", name, oldest)
				break
			}
		}
	}
	for _, so := range facts.Needed {
		if !own[path.Base(so)] && !isMusl(so) && !isPython(so) {
			a.report.Needs = append(a.report.Needs, so)
		}
	}
	a.symbols(f, own)
}

func isMusl(so string) bool {
	return so == "libc.so" || strings.HasPrefix(so, "libc.musl-") || strings.HasPrefix(so, "ld-musl-")
}

func isPython(so string) bool { return strings.HasPrefix(so, "libpython3") }

// elfMachine is the machine of an ELF file, as uname -m has it.
func elfMachine(f *elf.Facts) string {
	name := python.Machine(f.Machine)
	if name == "" {
		return f.Machine.String()
	}
	return name
}
