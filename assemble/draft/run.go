package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/debian"
	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
	"github.com/pyimg/pyimg/assemble/draft/shell"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// run takes over the commands of RUN that a spec has a field for.
func (b *builder) run(i dockerfile.Instruction, st *stage) {
	script := i.Text
	if len(i.Heredocs) > 0 {
		script = i.Heredocs[0].Text
	}
	var commands []shell.Command
	if i.List != nil {
		commands = []shell.Command{{Words: i.List, Text: strings.Join(i.List, " ")}}
		if len(i.List) == 3 && path.Base(i.List[0]) == "sh" && i.List[1] == "-c" {
			commands = shell.Split(i.List[2], st.scope.Get)
		}
	} else {
		commands = shell.Split(script, st.scope.Get)
	}
	for _, c := range commands {
		b.shellCommand(i, c, st)
	}
}

// shellCommand takes one command over, or says why not.
func (b *builder) shellCommand(i dockerfile.Instruction, c shell.Command, st *stage) {
	words := c.Words
	for len(words) > 0 && (regexp.MustCompile(`^[A-Za-z_]\w*=`).MatchString(words[0]) || words[0] == "sudo" || words[0] == "exec" || words[0] == "command") {
		words = words[1:]
	}
	if len(words) == 0 && !c.Opaque {
		return
	}
	name := ""
	if len(words) > 0 {
		name = path.Base(words[0])
		words = words[1:]
	}
	if installer := toolOf(c.Text); installer != "" {
		b.wants.tool = installer
		return
	}
	if c.Opaque {
		if st.last && !harmless(name, words) {
			for _, word := range c.Words { // what the loop or the pipe is about
				if slices.Contains([]string{"curl", "wget", "git", "npm", "yarn", "make"}, word) {
					name = word
					break
				}
			}
			b.note(b.within(i, c.Text), c.Text, "pyimg runs nothing while it builds", b.insteadOf(name, words))
		}
		return
	}
	if b.installs(i, c, name, words, st) || !st.last || b.changesFiles(i, name, words, st) || harmless(name, words) {
		return
	}
	b.note(b.within(i, c.Text), c.Text, "pyimg runs nothing while it builds", b.insteadOf(name, words))
}

// toolOf is the tool that a command installs by the script of its makers; "" if it is another command.
func toolOf(text string) string {
	for script, tool := range map[string]string{"install.python-poetry.org": "poetry", "astral.sh/uv": "uv", "pdm-project.org/install": "pdm"} {
		if strings.Contains(text, script) {
			return tool
		}
	}
	return ""
}

// installs takes over commands that install packages.
func (b *builder) installs(i dockerfile.Instruction, c shell.Command, name string, words []string, st *stage) bool {
	switch {
	case name == "apk":
		return b.apk(i, c, words, st)
	case name == "apt-get" || name == "apt" || name == "aptitude":
		b.apt(i, words, st)
		return true
	case strings.HasPrefix(name, "pip") && name != "pipenv" && name != "pipx":
		return b.pip(i, c, words, st)
	case strings.HasPrefix(name, "python") && len(words) > 1 && words[0] == "-m" && words[1] == "pip":
		return b.pip(i, c, words[2:], st)
	case name == "uv" && len(words) > 0 && words[0] == "pip":
		b.wants.tool = "uv"
		return b.pip(i, c, words[1:], st)
	case slices.Contains([]string{"uv", "poetry", "pipenv", "pdm"}, name):
		return b.tool(name, words)
	}
	return false
}

// apk takes over "apk add", and leaves out what "apk del" takes away again.
func (b *builder) apk(i dockerfile.Instruction, c shell.Command, words []string, st *stage) bool {
	flags, args := options(words, []string{"-t", "--virtual", "-X", "--repository", "--keys-dir", "-p", "--root", "--arch"})
	if len(args) == 0 {
		return true
	}
	switch args[0] {
	case "add":
		if url := first(flags, "-X", "--repository"); url != "" && st.last {
			b.note(b.within(i, c.Text), c.Text, "its repository is not one of the spec's", "name it under alpine.repositories (\"@tag "+url+"\"), and its packages as NAME@tag")
		}
		var items []specfile.Item
		for _, p := range args[1:] {
			items = append(items, specfile.Item{Value: p})
		}
		if virtual := first(flags, "-t", "--virtual"); virtual != "" {
			st.virtual[virtual] = items
			return true
		}
		b.addPackages(i, items, st)
	case "del":
		for _, name := range args[1:] {
			delete(st.virtual, name)
			b.spec.Packages = slices.DeleteFunc(b.spec.Packages, func(p specfile.Item) bool { return p.Value == name })
		}
	}
	return true
}

// addPackages adds packages of Alpine to the spec, but for those that only serve compiling.
func (b *builder) addPackages(i dockerfile.Instruction, items []specfile.Item, st *stage) {
	for _, item := range items {
		if strings.Contains(item.Value, "$") {
			if st.last {
				b.note(b.within(i, item.Value), item.Value, "its variable has a value only when the image is built", "write the package under packages")
			}
			continue
		}
		name := strings.TrimRight(strings.FieldsFunc(item.Value+" ", func(r rune) bool { return strings.ContainsRune("<>=~@ ", r) })[0], " ")
		switch {
		case name == "python3" || name == "py3-pip" || name == "py3-setuptools" || name == "py3-wheel" || name == "py3-virtualenv" || name == "uv":
			if b.onAlpine {
				b.alpine, b.noPython = true, false
			}
			if name != "python3" {
				continue
			}
		case debian.ForCompiling(name):
			b.compiling = append(b.compiling, name)
			continue
		case strings.HasPrefix(name, "py3-"):
			b.alpine, b.noPython = b.onAlpine, false
		}
		if !st.last || name == "python3" && !b.alpine || slices.ContainsFunc(b.spec.Packages, func(p specfile.Item) bool { return p.Value == item.Value }) || slices.Contains(basePackages(), name) && len(b.spec.Base) == 0 {
			continue
		}
		b.spec.Packages = append(b.spec.Packages, item)
	}
}

// apt takes over "apt-get install": the packages of Alpine that are the same.
func (b *builder) apt(i dockerfile.Instruction, words []string, st *stage) {
	_, args := options(words, []string{"-t", "-o", "-c", "--target-release"})
	if len(args) == 0 || args[0] != "install" {
		return
	}
	for _, name := range args[1:] {
		packages, needed, known := debian.Alpine(name)
		switch {
		case strings.HasPrefix(name, "python3"):
			b.noPython = false
		case !known && st.last:
			b.note(b.within(i, name), name, "nobody here knows the package of Alpine for this one of Debian", "look for it at pkgs.alpinelinux.org, and add it to packages")
		case known && !needed:
			if strings.HasSuffix(name, "-dev") || name == "build-essential" || name == "gcc" {
				b.compiling = append(b.compiling, name)
			}
		}
		for _, p := range packages {
			why := ""
			if p != name {
				why = "for " + name + " of Debian"
			}
			b.addPackages(i, []specfile.Item{{Value: p, Why: why}}, st)
		}
	}
}

// harmless reports whether a command leaves nothing in an image that a spec would have to say.
func harmless(name string, words []string) bool {
	switch name {
	case "", "set", "echo", "printf", "true", ":", "cd", "ls", "cat", "which", "export", "unset", "env", "date", "uname", "id", "pwd", "test", "[", "sleep", "umask", "update-ca-certificates", "ldconfig", "fc-cache", "sync", "whoami", "apt-mark", "hash", "exit":
		return true
	case ".", "source":
		return len(words) > 0 && strings.HasSuffix(words[0], "activate")
	case "rm":
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.HasPrefix(w, "-") && !isScratch(w) })
	case "python", "python3":
		return len(words) > 0 && (words[0] == "--version" || words[0] == "-V" || len(words) > 1 && words[0] == "-m" && slices.Contains([]string{"compileall", "venv", "ensurepip"}, words[1]))
	case "virtualenv":
		return true
	}
	return false
}

// isScratch reports whether a path is one that only building leaves something in.
func isScratch(p string) bool {
	for _, dir := range []string{"/var/lib/apt", "/var/cache", "/root/.cache", "/tmp", "/var/tmp", "~/.cache", "/root/.cargo", "/etc/apk/cache", "/var/log", "/usr/share/doc", "/usr/share/man", "/root/.npm", "/usr/local/lib/node_modules"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return slices.Contains(pythonInputs(), path.Base(p)) || strings.Contains(p, "__pycache__")
}

// insteadOf says what to do in the place of a command.
func (b *builder) insteadOf(name string, words []string) string {
	switch name {
	case "curl", "wget":
		return "fetch the file before, check its digest, keep it next to the spec and name it under files; or use the package of Alpine that has it"
	case "git":
		return "check the repository out before, and name its folder under files"
	case "npm", "yarn", "pnpm", "node", "npx", "bun":
		return "build the front end before, for example in CI, and name the folder with the result under files"
	case "make", "gcc", "go", "cargo", "cmake", "rustup", "./configure":
		return "build it before, for musl, and name the result under files"
	case "sed", "tee", "cp", "mv", "patch", "awk", "tar", "unzip", "install":
		return "keep the file as it should be next to the spec, and name it under files (replace: true where it takes the place of a package's)"
	case "chown", "chmod", "ln":
		return "set uid, gid and mode of the entry under files; symlinks in a folder under files stay symlinks"
	case "locale-gen", "localedef":
		return "musl has no locales to make; LANG=C.UTF-8 works"
	case "setcap":
		return "give the container the capability when it is started"
	case "gem", "pipx", "conda", "mamba":
		return "take the packages of Alpine, or wheels"
	}
	if strings.HasPrefix(name, "python") && len(words) > 0 && strings.Contains(strings.Join(words, " "), "collectstatic") {
		return "run collectstatic before, and name the folder with the result under files"
	}
	if strings.HasPrefix(name, "python") || slices.Contains([]string{"django-admin", "flask", "alembic"}, name) {
		return "run it before, and name the result under files; or when the container starts, in its entry point"
	}
	return "do it before and name the result under files, or do it when the container starts, in its entry point"
}
