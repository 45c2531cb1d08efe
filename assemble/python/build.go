package python

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Build is how a CPython was configured and compiled, as its _sysconfigdata says.
type Build struct {
	Version               string   `json:"version"`                // 3.13.5; 3.13 if there is no header with the full version
	SOABI                 string   `json:"soabi,omitempty"`        // cpython-313-x86_64-linux-musl
	Triple                string   `json:"triple,omitempty"`       // x86_64-alpine-linux-musl
	Prefix                string   `json:"prefix,omitempty"`       // the prefix that it was configured for
	Verdict               string   `json:"verdict"`                // a summary for people, see verdict
	PGO                   bool     `json:"pgo"`                    // compiled with a profile
	LTO                   bool     `json:"lto"`                    // linked with link-time optimization
	BOLT                  bool     `json:"bolt"`                   // optimized by llvm-bolt
	Optimize              string   `json:"optimize,omitempty"`     // the last -O level, such as -O3
	Shared                bool     `json:"shared"`                 // has libpython3.X.so
	SemanticInterposition bool     `json:"semantic_interposition"` // LD_PRELOAD can replace libpython's own functions, which makes calls slower
	NoBuiltinMalloc       bool     `json:"no_builtin_malloc"`      // -fno-builtin-malloc and the like
	ThreadStackSize       int64    `json:"thread_stack_size"`      // in bytes; 0: the C library's
	TailCall              bool     `json:"tail_call"`              // the interpreter of 3.14 that needs clang 19
	FreeThreaded          bool     `json:"free_threaded"`          // without the global lock
	JIT                   bool     `json:"jit"`
	Debug                 bool     `json:"debug"`
	Pymalloc              bool     `json:"pymalloc"` // contains pymalloc, the default allocator of builds with the global lock
	Mimalloc              bool     `json:"mimalloc"` // contains mimalloc, so PYTHONMALLOC=mimalloc works
	Compiler              string   `json:"compiler,omitempty"`
	Flags                 string   `json:"flags,omitempty"`     // the flags that the interpreter's core was compiled with
	Configure             []string `json:"configure,omitempty"` // the arguments of configure
	Leftovers             []string `json:"leftovers,omitempty"` // folders of the build machine that it names
}

// NewBuild derives a build from the variables.
func NewBuild(v Vars) *Build {
	core := coreFlags(v)
	b := &Build{
		Version: v["VERSION"], SOABI: v["SOABI"], Triple: cmp.Or(v["HOST_GNU_TYPE"], v["MULTIARCH"]), Prefix: v["prefix"],
		Optimize:        lastFlag(core, "-O"),
		Shared:          v.Int("Py_ENABLE_SHARED") == 1 || v.Int("PY_ENABLE_SHARED") == 1 || strings.Contains(v["CONFIG_ARGS"], "--enable-shared"),
		NoBuiltinMalloc: slices.Contains(core, "-fno-builtin-malloc") || slices.Contains(core, "-fno-builtin"),
		Debug:           v.Int("Py_DEBUG") == 1,
		FreeThreaded:    v.Int("Py_GIL_DISABLED") == 1,
		Pymalloc:        v.Int("WITH_PYMALLOC") == 1,
		Mimalloc:        v.Int("WITH_MIMALLOC") == 1,
		Compiler:        v["CC"], Flags: strings.Join(core, " "), Configure: configureArguments(v["CONFIG_ARGS"]),
	}
	asked := func(option string) bool {
		return slices.ContainsFunc(b.Configure, func(a string) bool { return a == option || strings.HasPrefix(a, option+"=") && a != option+"=no" })
	}
	b.PGO, b.LTO = asked("--enable-optimizations"), asked("--with-lto")
	if v["PY_CORE_CFLAGS"] != "" || v["PY_CFLAGS_NODIST"] != "" {
		// The flags show what was done, the arguments of configure only what was asked for: a build by another make target has
		// no profile.
		b.PGO = slices.ContainsFunc(core, isProfile)
		b.LTO = slices.ContainsFunc(append(core, linkFlags(v)...), isLTO)
	}
	b.BOLT, b.JIT = asked("--enable-bolt"), asked("--enable-experimental-jit")
	b.TailCall = v.Int("Py_TAIL_CALL_INTERP") == 1 || asked("--with-tail-call-interp")
	// Without libpython3.X.so everything is in the program, and nothing can replace a program's own functions.
	b.SemanticInterposition = b.Shared && lastFlag(append(core, linkFlags(v)...), "-fsemantic-interposition", "-fno-semantic-interposition") != "-fno-semantic-interposition"
	b.ThreadStackSize = threadStack(v, core)
	b.Leftovers = leftovers(v)
	b.Verdict = b.verdict()
	return b
}

// coreFlags returns the flags that the interpreter itself was compiled with. If two contradict each other, the last one counts.
func coreFlags(v Vars) []string {
	for _, names := range [][]string{{"PY_CORE_CFLAGS"}, {"PY_CFLAGS", "PY_CFLAGS_NODIST"}, {"CFLAGS"}, {"OPT"}} {
		var flags []string
		for _, n := range names {
			flags = append(flags, strings.Fields(v[n])...)
		}
		if len(flags) > 0 {
			return flags
		}
	}
	return nil
}

func linkFlags(v Vars) []string {
	return append(strings.Fields(v["PY_LDFLAGS_NODIST"]), strings.Fields(v["PY_CORE_LDFLAGS"])...)
}

// lastFlag returns the last flag that begins with one of these, or "".
func lastFlag(flags []string, prefixes ...string) string {
	for _, f := range slices.Backward(flags) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f, p) }) {
			return f
		}
	}
	return ""
}

// isProfile reports whether a flag makes gcc or clang use a profile. "=FILE" may follow it.
func isProfile(flag string) bool {
	name, _, _ := strings.Cut(flag, "=")
	return name == "-fprofile-use" || name == "-fprofile-instr-use" || name == "-fauto-profile" || name == "-fprofile-sample-use"
}

func isLTO(flag string) bool { return flag == "-flto" || strings.HasPrefix(flag, "-flto=") }

// threadStack is the stack size of threads: set for CPython itself, or in the program's ELF header, which musl uses.
func threadStack(v Vars, core []string) int64 {
	size := lastFlag(core, "-DTHREAD_STACK_SIZE=")
	_, size, _ = strings.Cut(size, "=")
	if size == "" {
		for _, f := range strings.FieldsFunc(v["PY_LDFLAGS"]+" "+v["LDFLAGS"]+" "+v["LINKFORSHARED"]+" "+v["PY_CORE_LDFLAGS"], func(r rune) bool { return r == ' ' || r == ',' }) {
			if s, ok := strings.CutPrefix(f, "stack-size="); ok {
				size = s
			}
		}
	}
	n, err := strconv.ParseInt(size, 0, 64)
	if err != nil || n < 0 {
		return max(v.Int("THREAD_STACK_SIZE"), 0)
	}
	return n
}

// configureArguments splits CONFIG_ARGS, in which configure writes each of its arguments in single quotes.
func configureArguments(s string) []string {
	var args []string
	var b strings.Builder
	in, any := false, false
	for _, c := range s {
		switch {
		case c == '\'':
			in, any = !in, true
		case c == ' ' && !in:
			if any {
				args = append(args, b.String())
			}
			b.Reset()
			any = false
		default:
			b.WriteRune(c)
			any = true
		}
	}
	if any {
		args = append(args, b.String())
	}
	return args
}

// leftovers returns the folders of the build machine that the variables name. They do not exist any more, and they reveal
// something about that machine.
func leftovers(v Vars) []string {
	var dirs []string
	for _, name := range []string{"abs_srcdir", "abs_builddir", "srcdir", "VPATH"} {
		dir := v[name]
		if strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, cmp.Or(v["prefix"], "/usr")+"/") && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// verdict summarizes what makes the build fast or slow.
func (b *Build) verdict() string {
	kind := "partly optimized"
	switch {
	case b.Debug:
		kind = "debug build"
	case b.PGO && b.LTO && (b.Optimize == "-O2" || b.Optimize == "-O3"):
		kind = "optimized"
	case !b.PGO && !b.LTO:
		kind = "baseline"
	}
	interposition := "no semantic interposition"
	if b.SemanticInterposition {
		interposition = "semantic interposition"
	}
	text := fmt.Sprintf("%s: PGO %s, LTO %s, %s, %s", kind, yes(b.PGO), yes(b.LTO), cmp.Or(b.Optimize, "no -O level"), interposition)
	for _, extra := range []struct {
		has  bool
		name string
	}{{b.BOLT, "BOLT"}, {b.TailCall, "tail-call interpreter"}, {b.JIT, "JIT"}, {b.FreeThreaded, "free-threaded"}} {
		if extra.has {
			text += ", " + extra.name
		}
	}
	return text
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
