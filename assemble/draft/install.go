package draft

import (
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
	"github.com/pyimg/pyimg/assemble/draft/shell"
)

// pythonInputs are files that only say which packages to install.
func pythonInputs() []string {
	return []string{"requirements.txt", "requirements.in", "constraints.txt", "pyproject.toml", "uv.lock", "poetry.lock", "poetry.toml", "Pipfile", "Pipfile.lock", "pdm.lock", "pylock.toml", "setup.py", "setup.cfg", "MANIFEST.in", ".python-version"}
}

// isPythonInput reports whether a file only says which packages to install.
func isPythonInput(name string) bool {
	base := path.Base(name)
	return slices.Contains(pythonInputs(), base) || strings.HasPrefix(base, "requirements") && (path.Ext(base) == ".txt" || path.Ext(base) == ".in")
}

// pip takes over what "pip install" installs.
func (b *builder) pip(i dockerfile.Instruction, c shell.Command, words []string, st *stage) bool {
	flags, args := options(words, []string{"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "--default-index", "--index", "-f", "--find-links", "-t", "--target", "--prefix", "--root", "-w", "--wheel-dir", "--cache-dir", "--python", "--timeout", "--retries", "--trusted-host", "--python-version", "--platform", "--no-binary", "--only-binary"})
	if len(args) == 0 || !slices.Contains([]string{"install", "wheel", "sync"}, args[0]) {
		return len(args) == 0 || args[0] != "download"
	}
	if b.onAlpine {
		b.alpine = true
	}
	b.noPython, b.wants.installs = false, true
	_, noDeps := flags["--no-deps"]
	for n, w := range words { // a flag may be given more than once
		name, value, joined := strings.Cut(w, "=")
		if !joined && n+1 < len(words) {
			value = words[n+1]
		}
		switch name {
		case "--no-index":
			b.wants.noIndex = true
		case "-r", "--requirement":
			b.requirement(i, c, value, st)
			b.wants.noDeps = b.wants.noDeps || noDeps
		default:
			b.indexOption(name, value, st)
		}
	}
	for _, arg := range args[1:] {
		b.pipArgument(i, c, args[0], arg, st)
	}
	return true
}

// indexOption takes over an option of pip that says where packages are. Its paths are those of the image.
func (b *builder) indexOption(name, value string, st *stage) {
	i, ok := indexOfOption(name, value)
	if !ok {
		return
	}
	if value != "" && i.rank == linkedFolder && !strings.Contains(value, "://") {
		i.at = b.folderOf(b.origin(absolute(st.workdir, value)), strings.TrimPrefix(value, "/"), value)
	}
	b.addIndex(i)
}

// pipArgument takes over one package that a command names.
func (b *builder) pipArgument(i dockerfile.Instruction, c shell.Command, command, arg string, st *stage) {
	name, _, _ := strings.Cut(strings.ToLower(arg), "=")
	name = strings.TrimRight(name, "<>~! ")
	switch {
	case command == "sync":
		b.requirement(i, c, arg, st)
	case strings.HasPrefix(arg, ".") || arg == "/app" || arg == st.workdir:
		b.wants.project = true
		if _, extras, ok := strings.Cut(arg, "["); ok {
			b.wants.extras = strings.Split(strings.TrimSuffix(extras, "]"), ",")
		}
	case slices.Contains([]string{"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm", "virtualenv", "build", "poetry-core", "hatch", "hatchling", "cython", "poetry-plugin-export"}, name):
		if name == "poetry" || name == "uv" || name == "pipenv" || name == "pdm" {
			b.wants.tool = name
		}
	case strings.HasPrefix(arg, "/"): // wheels that another stage made
	case strings.Contains(arg, "$"):
		b.note(b.within(i, arg), arg, "its variable has a value only when the image is built", "add the package to the requirements or to pyproject.toml, with its version, and lock them again")
	default:
		b.note(b.within(i, arg), arg, "pyimg takes Python packages from a lock or from requirements", "add it to the requirements or to pyproject.toml, with its version, and lock them again")
	}
}

// requirement takes over a requirements file that a command names by its path in the image.
func (b *builder) requirement(i dockerfile.Instruction, c shell.Command, name string, st *stage) {
	for _, candidate := range []string{b.origin(absolute(st.workdir, name)), path.Clean(strings.TrimPrefix(name, "/")), path.Base(name)} {
		if candidate != "" && b.has(candidate) {
			if !slices.Contains(b.wants.requirements, candidate) {
				b.wants.requirements = append(b.wants.requirements, candidate)
			}
			return
		}
	}
	if st.last || b.wants.requirements == nil {
		b.note(b.within(i, c.Text), c.Text, "there is no "+name+" here; another command may make it", "keep the file next to the spec, and name it under python.requirements")
	}
}

// tool takes over "uv sync", "poetry install" and their like.
func (b *builder) tool(name string, words []string) bool {
	if len(words) == 0 || slices.Contains([]string{"config", "cache", "self", "venv", "python", "--version", "lock", "build", "check"}, words[0]) {
		return true
	}
	if !slices.Contains([]string{"sync", "install", "export", "update", "requirements"}, words[0]) {
		return false
	}
	if b.onAlpine {
		b.alpine = true
	}
	b.noPython, b.wants.tool, b.wants.installs, b.wants.project = false, name, true, true
	for n, w := range words {
		flag, value, joined := strings.Cut(w, "=")
		if !joined && n+1 < len(words) {
			value = words[n+1]
		}
		switch flag {
		case "--extra", "--extras", "-E":
			b.wants.extras = append(b.wants.extras, strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' })...)
		case "--group", "--with":
			b.wants.groups = append(b.wants.groups, strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' })...)
		}
	}
	return true
}
