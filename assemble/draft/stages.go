package draft

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/internal/exit"
)

// A builder goes through a Dockerfile.
type builder struct {
	*maker
	name    string // of the file
	parsed  dockerfile.File
	global  dockerfile.Scope
	addon   addon
	ignored ignored
	lines   []string     // of the file
	used    map[int]bool // stages whose commands are known already

	copies     []copied
	installers []installer
	dropped    []string // variables that only serve building
	compiling  []string // packages that only serve compiling

}

// A stage is what one stage has set so far.
type stage struct {
	scope   dockerfile.Scope
	workdir string
	shell   []string // of SHELL
	last    bool     // the image is made of it
	virtual map[string][]specfile.Item
}

// readDockerfile takes over what a Dockerfile says of its last stage, and which Python packages the others bring.
func (m *maker) readDockerfile(name string) error {
	data, err := m.file(name)
	if err != nil {
		return err
	}
	f, err := dockerfile.Parse(data)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	b := &builder{maker: m, name: name, parsed: f, lines: strings.Split(string(data), "\n"), used: make(map[int]bool)}
	if err := b.readAddon(); err != nil {
		return err
	}
	if b.ignored, err = m.readIgnored(name); err != nil {
		return err
	}
	m.noPython = true
	for _, arg := range f.Args {
		b.declare(&b.global, arg, dockerfile.Scope{})
	}
	st := &stage{workdir: "/", last: true, virtual: make(map[string][]specfile.Item)}
	last, err := b.target()
	if err != nil {
		return err
	}
	b.stage(last, st)
	b.users()
	b.finishImage()
	b.ownScripts()
	return nil
}

// target is the number of the stage that the image is made of: the last one, unless the options name another.
func (b *builder) target() (int, error) {
	n := len(b.parsed.Stages)
	if b.options.Target == "" {
		return n - 1, nil
	}
	if of := b.find(b.options.Target, n); of >= 0 {
		return of, nil
	}
	var names []string
	for _, s := range b.parsed.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return 0, exit.Usagef("reading %s: expected the name of one of its stages (%s), found %q", b.name, strings.Join(names, ", "), b.options.Target)
}

// at is the place of an instruction.
func (b *builder) at(i dockerfile.Instruction) string { return b.name + ":" + strconv.Itoa(i.Line) }

// within is the place of a part of an instruction that has several lines.
func (b *builder) within(i dockerfile.Instruction, part string) string {
	part, _, _ = strings.Cut(strings.TrimSpace(part), "\n")
	if words := strings.Fields(part); len(words) > 0 {
		part = strings.Join(words[:min(len(words), 2)], " ")
	}
	for n := i.Line; n <= min(i.Last, len(b.lines)); n++ {
		if strings.Contains(strings.Join(strings.Fields(b.lines[n-1]), " "), part) {
			return b.name + ":" + strconv.Itoa(n)
		}
	}
	return b.at(i)
}

// written is an instruction as it is in the file.
func written(i dockerfile.Instruction) string {
	flags := ""
	for _, f := range i.Flags {
		flags += "--" + f + " "
	}
	return i.Keyword + " " + flags + i.Text
}

// stage carries out what one stage says, after the stage that it starts from.
func (b *builder) stage(n int, st *stage) {
	s := b.parsed.Stages[n]
	b.used[n] = true
	base, known := b.global.Expand(s.Base)
	if of := b.find(base, n); of >= 0 {
		b.stage(of, st)
	} else {
		b.from(s, base, known, st)
	}
	for _, name := range []string{"TARGETPLATFORM", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDARCH", "TARGETOS"} {
		st.scope.Ask(name)
	}
	for _, i := range s.Instructions {
		b.instruction(i, n, st)
	}
}

// find is the number of a stage before n by its name or number; -1 if there is none.
func (b *builder) find(name string, n int) int {
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < n {
		return i
	}
	for i := n - 1; i >= 0; i-- {
		if b.parsed.Stages[i].Name != "" && b.parsed.Stages[i].Name == strings.ToLower(name) {
			return i
		}
	}
	return -1
}

// instruction carries out one. Of a stage that is not the last one only Python packages are of interest.
func (b *builder) instruction(i dockerfile.Instruction, n int, st *stage) {
	switch i.Keyword {
	case "ARG":
		b.declare(&st.scope, i, b.global)
	case "ENV":
		b.env(i, st)
	case "WORKDIR":
		b.chdir(i, st)
	case "SHELL":
		st.shell = i.List
	case "RUN":
		b.run(i, st)
	case "COPY", "ADD":
		b.copy(i, n, st)
	default:
		if st.last {
			b.configure(i, st)
		}
	}
}

// declare reads an ARG. In a stage it may take the value of one before the first FROM.
func (b *builder) declare(scope *dockerfile.Scope, i dockerfile.Instruction, outer dockerfile.Scope) {
	pairs, _ := scope.Pairs(i.Text)
	if !strings.Contains(i.Text, "=") {
		pairs = nil
		for _, name := range strings.Fields(i.Text) {
			pairs = append(pairs, dockerfile.Pair{Name: name})
		}
	}
	for _, p := range pairs {
		value, outside := outer.Get(p.Name)
		switch {
		case strings.Contains(i.Text, p.Name+"="):
			scope.Set(p.Name, p.Value)
			b.indexVariable(p.Name, p.Value)
		case outside:
			scope.Set(p.Name, value)
		default:
			if value, ok := b.addon.args[p.Name]; ok {
				scope.Set(p.Name, value)
				continue
			}
			scope.Ask(p.Name)
		}
	}
}

// chdir sets the working folder, which docker creates.
func (b *builder) chdir(i dockerfile.Instruction, st *stage) {
	dir, known := st.scope.Expand(i.Text)
	if !known {
		b.note(b.at(i), written(i), "its variable has a value only when the image is built", "write the folder under image.workdir")
		return
	}
	st.workdir = absolute(st.workdir, dir)
	if st.last {
		b.spec.Image.Workdir = st.workdir
		b.known[st.workdir] = true
	}
}

// absolute joins a path of the image to the working folder.
func absolute(workdir, p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Join("/", workdir, p)
}

// env takes variables over, but for those that only serve building.
func (b *builder) env(i dockerfile.Instruction, st *stage) {
	if _, ok := st.scope.Get("PATH"); !ok {
		st.scope.Set("PATH", defaultPath)
	}
	before := st.scope.Clone()
	pairs, known := before.Pairs(i.Text)
	for _, p := range pairs {
		st.scope.Set(p.Name, p.Value)
		b.indexVariable(p.Name, p.Value)
		if !st.last {
			continue
		}
		switch why := buildVariable(p.Name); {
		case why != "":
			b.dropped = append(b.dropped, p.Name)
		case p.Name == "PATH":
			b.path(p.Value)
		case !known:
			b.note(b.at(i), written(i), "its variable has a value only when the image is built", "write the value under image.env")
			return
		case p.Name != "":
			b.spec.Image.Env = set(b.spec.Image.Env, p.Name, p.Value)
		}
	}
}

// defaultPath is PATH as pyimg sets it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// path takes PATH over without the folders of virtual environments: wheels are installed into the runtime.
func (b *builder) path(value string) {
	var kept []string
	for dir := range strings.SplitSeq(value, ":") {
		if dir == "" || isEnvironment(dir) || strings.Contains(dir, "$") || slices.Contains(kept, dir) {
			continue
		}
		kept = append(kept, dir)
	}
	if text := strings.Join(kept, ":"); text != defaultPath {
		b.spec.Image.Env = set(b.spec.Image.Env, "PATH", text)
	}
}

// isEnvironment reports whether a path leads into a virtual environment, or where a tool for building is.
func isEnvironment(p string) bool {
	for _, part := range []string{"venv", "/.local/", "/root/.local", "/install", "poetry", "virtualenv", ".cargo", "/uv"} {
		if strings.Contains(p, part) {
			return true
		}
	}
	return strings.HasPrefix(p, "/opt/env")
}

// buildVariable says what a variable serves that an image does not need; "" if it may need it.
func buildVariable(name string) string {
	for _, prefix := range []string{"PIP_", "POETRY_", "UV_", "PIPENV_", "PDM_"} {
		if strings.HasPrefix(name, prefix) {
			return "installing packages"
		}
	}
	switch name {
	case "DEBIAN_FRONTEND", "VIRTUAL_ENV", "PYSETUP_PATH", "VENV_PATH", "PYTHONHASHSEED":
		return "installing packages"
	}
	return ""
}

// finishImage states what docker does by itself.
func (b *builder) finishImage() {
	i := &b.spec.Image
	if dir := i.Workdir; dir != "" && dir != "/" && !slices.ContainsFunc(b.spec.Files, func(f specfile.Files) bool { return f.To == dir || strings.HasPrefix(f.To, dir+"/") }) &&
		!slices.ContainsFunc(b.spec.Dirs, func(d specfile.Dir) bool { return d.Path == dir }) {
		b.spec.Dirs = append(b.spec.Dirs, specfile.Dir{Path: dir})
	}
	if b.wants.project && !slices.ContainsFunc(i.Env, func(p specfile.Pair) bool { return p.Key == "PYTHONPATH" }) && i.Workdir != "" {
		i.Env = append(i.Env, specfile.Pair{Key: "PYTHONPATH", Value: b.importPath(), Why: "the project itself is not installed as a package"})
	}
}

// ownScripts replaces a script of the project, which is not installed, by what it does.
func (b *builder) ownScripts() {
	i := &b.spec.Image
	if !b.wants.project {
		return
	}
	for _, command := range []struct {
		words *[]string
		why   *string
	}{{&i.Entrypoint, &i.EntrypointWhy}, {&i.Cmd, &i.CmdWhy}} {
		words := *command.words
		if len(words) == 0 || command.words == &i.Cmd && len(i.Entrypoint) > 0 {
			continue
		}
		for _, s := range b.scripts {
			if call := calls(s); s.Name == words[0] && call != nil {
				*command.words, *command.why = append(call, words[1:]...), "the script "+s.Name+", which is not installed"
			}
		}
	}
}

// importPath is the folder of the project's modules.
func (b *builder) importPath() string {
	dir := b.spec.Image.Workdir
	if b.isDir("src") {
		for _, f := range b.spec.Files {
			if f.From == "src" {
				return f.To
			}
			if f.From == "." {
				return path.Join(f.To, "src")
			}
		}
	}
	return dir
}
