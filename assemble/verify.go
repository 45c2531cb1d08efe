package assemble

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/layers"
)

// Finding is something that would keep an image from starting.
type Finding struct {
	Path string // in the image; "" where it is about the configuration
	Msg  string // what is wrong, and what to do
}

// VerifyError holds the findings for one platform. An image that has any is not written.
type VerifyError struct{ Findings []Finding }

func (e *VerifyError) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.Msg
	}
	return "the image would not start: " + strings.Join(lines, "; ")
}

// Verify checks, without running anything, that a container of the image could start: what LD_PRELOAD names and what
// entrypoint and cmd come to must be there, and be for this platform.
func Verify(t *layers.Tree, p Platform, c v1.Config) []Finding {
	v := verifier{tree: t, platform: p, config: c}
	v.preload()
	v.command()
	return v.findings
}

type verifier struct {
	tree     *layers.Tree
	platform Platform
	config   v1.Config
	findings []Finding
}

func (v *verifier) find(path, format string, args ...any) {
	v.findings = append(v.findings, Finding{path, fmt.Sprintf(format, args...)})
}

func (v *verifier) env(name string) string {
	for _, e := range v.config.Env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// preload checks each library in LD_PRELOAD: on musl a missing one ends every process of the image at its start. See
// ld.so(8); musl takes spaces and colons between names.
func (v *verifier) preload() {
	for _, lib := range strings.FieldsFunc(v.env("LD_PRELOAD"), func(r rune) bool { return r == ' ' || r == ':' }) {
		if !strings.HasPrefix(lib, "/") {
			v.find(lib, "LD_PRELOAD names %q, which is searched for at run time; give its absolute path", lib)
			continue
		}
		n, err := v.tree.Lookup(lib)
		switch {
		case err != nil:
			v.find(lib, "LD_PRELOAD names %s: %v; add the package or runtime that has it, or choose another allocator", lib, err)
		case n.Entry.ELF == nil || n.Entry.ELF.Type.String() != "ET_DYN":
			v.find(lib, "LD_PRELOAD names %s, which is not a shared library", lib)
		default:
			if err := checkMachine(n.Entry, v.platform); err != nil {
				v.find(lib, "LD_PRELOAD: %v", err)
			}
		}
	}
}

// command checks what a container runs: the first word of entrypoint, or of cmd where there is none.
func (v *verifier) command() {
	field, argv := "entrypoint", v.config.Entrypoint
	if len(argv) == 0 {
		field, argv = "cmd", v.config.Cmd
	}
	if len(argv) == 0 {
		return
	}
	v.executable(field, argv[0], 0)
}

// executable follows a command through PATH, symlinks and #! to a program that the platform runs. See execve(2).
func (v *verifier) executable(field, command string, depth int) {
	const maxInterpreters = 5 // Linux gives up there
	if depth > maxInterpreters {
		v.find(command, "%s: the #! lines lead on and on, up to %s", field, command)
		return
	}
	n, err := v.which(command)
	if err != nil {
		v.find(command, "%s: %v", field, err)
		return
	}
	at := "/" + n.Path
	switch h := n.Entry.Header; {
	case h.Typeflag == tar.TypeDir:
		v.find(at, "%s: %s is a folder", field, at)
	case h.Mode&0o111 == 0:
		v.find(at, "%s: %s is not executable (mode %04o)", field, at, h.Mode&0o7777)
	case n.Entry.ELF != nil:
		v.program(field, n)
	case strings.HasPrefix(string(n.Entry.Kept), "#!"):
		v.script(field, n, depth)
	default:
		v.find(at, "%s: %s is neither an ELF program nor a script with a #! line", field, at)
	}
}

// which finds a command as execvp(3) does, in the PATH and the working directory of the configuration.
func (v *verifier) which(command string) (layers.Node, error) {
	if strings.Contains(command, "/") {
		if !path.IsAbs(command) {
			command = path.Join("/", v.config.WorkingDir, command)
		}
		n, err := v.tree.Lookup(command)
		if err != nil {
			return n, fmt.Errorf("%s: %w", command, err)
		}
		return n, nil
	}
	search := v.env("PATH")
	for _, dir := range strings.Split(search, ":") {
		n, err := v.tree.Lookup(path.Join("/", dir, command))
		if err == nil && n.Entry.Header.Typeflag != tar.TypeDir && n.Entry.Header.Mode&0o111 != 0 {
			return n, nil
		}
	}
	return layers.Node{}, fmt.Errorf("%q is not in the image's PATH (%s); add the package or runtime that has it", command, search)
}

func (v *verifier) program(field string, n layers.Node) {
	if err := checkMachine(n.Entry, v.platform); err != nil {
		v.find("/"+n.Path, "%s: %v", field, err)
		return
	}
	if i := n.Entry.ELF.Interp; i != "" {
		if _, err := v.tree.Lookup(i); err != nil {
			v.find("/"+n.Path, "%s: the loader of /%s: %v; add musl", field, n.Path, err)
		}
	}
}

func (v *verifier) script(field string, n layers.Node, depth int) {
	words := strings.Fields(strings.TrimPrefix(strings.SplitN(string(n.Entry.Kept), "\n", 2)[0], "#!"))
	if len(words) == 0 {
		v.find("/"+n.Path, "%s: the #! line of /%s names no interpreter", field, n.Path)
		return
	}
	field = fmt.Sprintf("%s: /%s", field, n.Path)
	v.executable(field, words[0], depth+1)
	if path.Base(words[0]) != "env" {
		return
	}
	// env(1) looks its first operand up in PATH.
	i := slices.IndexFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") })
	if i >= 0 {
		v.executable(field, words[1+i], depth+1)
	}
}
