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
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers/elf"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
)

// Options say what a wheel is compared with in addition to its own tags.
type Options struct {
	Target *target.Target // the Python that it is for; nil: any that its tags name
}

// Finding is something that is wrong with a wheel.
type Finding struct {
	File string `json:"file,omitempty"` // in the wheel; "" for the wheel itself
	Msg  string `json:"message"`
}

func (f Finding) String() string {
	if f.File == "" {
		return f.Msg
	}
	return f.File + ": " + f.Msg
}

// Report is what an audit found.
type Report struct {
	Wheel    string    `json:"wheel"`
	Errors   []Finding `json:"errors,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Needs    []string  `json:"needs,omitempty"` // libraries of the system, by soname
	Machine  bool      `json:"machine_code"`    // it has some
}

// Error has all that is wrong with a wheel.
type Error struct{ Report Report }

func (e *Error) Error() string {
	lines := make([]string, len(e.Report.Errors))
	for i, f := range e.Report.Errors {
		lines[i] = e.Report.Wheel + ": " + f.String()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is Unverified.
func (e *Error) ExitCode() exit.Code { return exit.Unverified }

// Err is an *Error where the wheel must not be in an index.
func (r Report) Err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	return &Error{r}
}

func (r *Report) fault(file, format string, args ...any) {
	if len(r.Errors) < maxFindings {
		r.Errors = append(r.Errors, Finding{file, fmt.Sprintf(format, args...)})
	}
}

// maxFindings bounds what a hostile wheel can make pyimg print.
const maxFindings = 50

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
	return r, nil
}

// binary is an ELF file of a wheel.
type binary struct {
	name  string
	facts *elf.Facts
}

// read verifies the wheel against its RECORD and reads its ELF files. The error is one of this machine.
func (r *Report) read(ctx context.Context, w *wheel.Wheel) ([]binary, error) {
	dir, err := os.MkdirTemp("", "pyimg-audit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is in the temporary folder
	var names []string
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
		names, open = append(names, m.Name), append(open, f)
		return f
	})
	if failed != nil || ctx.Err() != nil {
		return nil, errors.Join(failed, ctx.Err())
	}
	if err != nil {
		r.fault("", "%v", err)
		return nil, nil
	}
	files := make([]binary, len(names))
	for i, f := range open {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		files[i] = binary{names[i], elf.Read(f, info.Size())}
	}
	return files, nil
}

// auditor compares one wheel.
type auditor struct {
	report  *Report
	wheel   *wheel.Wheel
	options Options
	files   []binary
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
	for _, f := range a.files {
		a.binary(f, own)
	}
	for _, m := range a.wheel.Archive.Members {
		if !m.Dir && strings.HasSuffix(m.Name, ".so") {
			a.extension(m.Name)
		}
	}
	slices.Sort(a.report.Needs)
	a.report.Needs = slices.Compact(a.report.Needs)
}

// platforms checks the platforms of the tags by themselves.
func (a *auditor) platforms() {
	for _, p := range platformsOf(a.wheel.Filename) {
		switch {
		case p == "any":
			if len(a.files) > 0 {
				a.report.fault(a.files[0].name, "is machine code, but the wheel's tag says that it runs on any platform")
			}
		case strings.HasPrefix(p, "manylinux"):
			a.report.fault("", "its tag %s says that it is made for glibc (manylinux), not for musl", p)
		case strings.HasPrefix(p, "linux_"):
			a.report.Warnings = append(a.report.Warnings, fmt.Sprintf("%s: its tag %s does not say which C library it is for: musllinux_1_2_%s would",
				a.wheel.Filename.Text, p, strings.TrimPrefix(p, "linux_")))
		case strings.HasPrefix(p, "musllinux_"):
			if _, _, ok := musllinux(p); !ok {
				a.report.fault("", "its tag %.100s is no musllinux_X_Y_MACHINE (PEP 656)", p)
			}
			if len(a.files) == 0 {
				a.report.Warnings = append(a.report.Warnings, a.wheel.Filename.Text+": its tag is for one platform, but it has no machine code")
			}
		default:
			a.report.fault("", "its tag %.100s is for no Linux", p)
		}
	}
}

func platformsOf(f tag.Filename) []string {
	var out []string
	for _, t := range f.Tags {
		p := t[strings.LastIndexByte(t, '-')+1:]
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// musllinux takes a platform of PEP 656 apart.
func musllinux(p string) (version [2]int, machine string, ok bool) {
	n, err := fmt.Sscanf(p, "musllinux_%d_%d_", &version[0], &version[1])
	if err != nil || n != 2 {
		return version, "", false
	}
	parts := strings.SplitN(p, "_", 4)
	return version, parts[len(parts)-1], len(parts) == 4 && parts[3] != ""
}

// machines are those that the tags name, as uname -m has them.
func (a *auditor) machines() []string {
	var out []string
	for _, p := range platformsOf(a.wheel.Filename) {
		if _, m, ok := musllinux(p); ok {
			out = append(out, m)
		} else if m, ok := strings.CutPrefix(p, "linux_"); ok {
			out = append(out, m)
		}
	}
	return out
}

// binary checks one ELF file.
func (a *auditor) binary(f binary, own map[string]bool) {
	facts := f.facts
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
	for _, so := range facts.Needed {
		if !own[path.Base(so)] && !isMusl(so) && !isPython(so) {
			a.report.Needs = append(a.report.Needs, so)
		}
	}
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

// sameMachine compares a tag's machine with an ELF file's: all of 32-bit ARM and x86 have one name there.
func sameMachine(tagged, have string) bool {
	family := func(m string) string {
		switch {
		case strings.HasPrefix(m, "arm"):
			return "arm"
		case len(m) == 4 && m[0] == 'i' && strings.HasSuffix(m, "86"), m == "x86":
			return "i386"
		}
		return m
	}
	return family(tagged) == family(have)
}

// extension checks the name of a file that may be an extension module.
func (a *auditor) extension(name string) {
	_, suffix, ok := python.ExtensionTag(path.Base(name))
	if !ok || suffix == "" {
		return
	}
	if t := a.options.Target; t != nil && suffix != "abi3" && "."+suffix+".so" != t.ExtSuffix {
		a.report.fault(name, "has another EXT_SUFFIX than the Python that it is built for, which is %s", t.ExtSuffix)
		return
	}
	if suffix == "abi3" {
		return
	}
	if strings.Contains(suffix, "-gnu") {
		a.report.fault(name, "is named for glibc: a Python on musl never imports it (its EXT_SUFFIX ends in -musl.so)")
		return
	}
	if !a.imported(suffix) {
		a.report.fault(name, "is for another Python than the wheel's tags name: its EXT_SUFFIX says %s", suffix)
	}
}

// imported reports whether a Python of the wheel's tags imports modules with the suffix "cpython-313-x86_64-linux-musl".
func (a *auditor) imported(suffix string) bool {
	version, isCPython := strings.CutPrefix(suffix, "cpython-")
	if !isCPython {
		return false
	}
	version, _, _ = strings.Cut(version, "-")
	for _, t := range a.wheel.Filename.Tags {
		interpreter, rest, _ := strings.Cut(t, "-")
		abi, _, _ := strings.Cut(rest, "-")
		switch {
		case abi == "abi3": // newer Pythons would not import it
		case interpreter == "cp"+strings.TrimRight(version, "td"), strings.HasPrefix(interpreter, "py3") && abi == "none", interpreter == "py2":
			return true
		}
	}
	return false
}
