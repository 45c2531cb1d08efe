package draft

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/pyproject"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/version"
)

// workdir is where the files of an application go that has no Dockerfile.
const workdir = "/app"

// readProject reads pyproject.toml and .python-version.
func (m *maker) readProject() error {
	if m.has(".python-version") {
		if data, err := m.file(".python-version"); err == nil {
			if v := minor(strings.TrimSpace(string(data))); v != "" {
				m.version, m.versionBy = v, "as .python-version says"
			}
		}
	}
	if !m.has("pyproject.toml") {
		return nil
	}
	data, err := m.file("pyproject.toml")
	if err != nil {
		return err
	}
	p, err := pyproject.Parse(data)
	if err != nil {
		return fmt.Errorf("reading pyproject.toml: %w", err)
	}
	m.name = p.Name
	m.requires = specifiers(p.Python)
	m.wants.dependencies, m.wants.poetry = p.Dependencies, p.Poetry
	m.wants.noIndex = p.NoIndex
	for _, i := range p.Indexes {
		rank := map[pyproject.Role]rank{pyproject.Additional: namedIndex, pyproject.Primary: namedIndex, pyproject.Default: lastIndex,
			pyproject.Supplemental: supplementalIndex, pyproject.Explicit: explicitIndex}[i.Role]
		m.addIndex(index{i.URL, rank, i.Role == pyproject.Primary || i.Role == pyproject.Default})
	}
	m.scripts = p.Scripts
	if p.Description != "" {
		m.label("org.opencontainers.image.description", p.Description)
	}
	if p.Name != "" {
		m.label("org.opencontainers.image.title", p.Name)
	}
	return nil
}

// label sets a label of the image.
func (m *maker) label(key, value string) {
	m.spec.Image.Labels = set(m.spec.Image.Labels, key, value)
}

// set replaces a pair, or adds one.
func set(pairs []specfile.Pair, key, value string) []specfile.Pair {
	for i := range pairs {
		if pairs[i].Key == key {
			pairs[i].Value = value
			return pairs
		}
	}
	return append(pairs, specfile.Pair{Key: key, Value: value})
}

// minor returns the major and minor version of one of CPython 3: "3.13" of "3.13.5" or "cpython-3.13". It returns "" for anything else.
func minor(text string) string {
	if m := regexp.MustCompile(`^(?:cpython-|python)?(3\.\d{1,2})(?:\D.*)?$`).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// specifiers are what poetry and PEP 440 write of versions, as PEP 440 has it; "" if it cannot be said so.
func specifiers(text string) string {
	text = strings.TrimSpace(text)
	if m := regexp.MustCompile(`^\^(\d+)(\.[\d.]+)?$`).FindStringSubmatch(text); m != nil {
		return fmt.Sprintf(">=%s%s,==%s.*", m[1], m[2], m[1])
	}
	if m := regexp.MustCompile(`^~(\d+\.\d+)(\.\d+)?$`).FindStringSubmatch(text); m != nil {
		return fmt.Sprintf(">=%s%s,==%s.*", m[1], m[2], m[1])
	}
	if regexp.MustCompile(`^[\d.]+\*?$`).MatchString(text) {
		text = "==" + strings.TrimSuffix(strings.TrimSuffix(text, "*"), ".") + ".*"
	}
	if _, err := version.ParseSpecifiers(text); err != nil {
		return ""
	}
	return text
}

// application brings the project's own files where no Dockerfile says which ones.
func (m *maker) application() {
	if len(m.names) == 0 || !m.isProject() {
		m.noPython = false
		m.spec.Image.Cmd = []string{"python3"}
		return
	}
	m.wants.project = true
	m.spec.Image.Workdir = workdir
	m.spec.Users = []specfile.User{{Name: "app", UID: "1000"}}
	m.spec.Image.User, m.spec.Image.UserWhy = "app", "not root"
	module := m.sources()
	m.command(module)
}

// isProject reports whether the folder has anything of Python.
func (m *maker) isProject() bool {
	return slices.ContainsFunc(m.names, func(name string) bool {
		return path.Ext(name) == ".py" || name == "pyproject.toml" || name == "requirements.txt" || name == "Pipfile" ||
			name == "src" && m.isDir(name) || m.has(name+"/__init__.py") || m.has(name+"/__main__.py")
	})
}

// sources takes the folder of modules, or all that is here. It returns the project's module.
func (m *maker) sources() string {
	module := strings.ReplaceAll(dependency.Normalize(m.name), "-", "_")
	switch {
	case module != "" && m.isDir("src/"+module):
		m.take(specfile.Files{From: "src", To: workdir, Exclude: bytecodeFiles()})
	case m.isDir("src") && !m.has("src/__init__.py") && len(m.modules("src")) > 0:
		m.take(specfile.Files{From: "src", To: workdir, Exclude: bytecodeFiles()})
		module = m.modules("src")[0]
	case module != "" && m.isDir(module) && !slices.ContainsFunc(m.names, func(name string) bool { return path.Ext(name) == ".py" && name != "setup.py" }):
		m.take(specfile.Files{From: module, To: workdir + "/" + module, Exclude: bytecodeFiles()})
	default:
		m.take(specfile.Files{From: ".", To: workdir, Exclude: m.excludes(".", nil)})
		if module == "" || !m.isDir(module) {
			module = ""
			if found := m.modules("."); len(found) == 1 {
				module = found[0]
			}
		}
	}
	return module
}

// take adds files to the image.
func (m *maker) take(f specfile.Files) { m.spec.Files = append(m.spec.Files, f) }

// bytecodeFiles are what Python leaves next to modules.
func bytecodeFiles() []string { return []string{"**/__pycache__", "**/*.pyc"} }

// modules are the packages in a folder that can be imported.
func (m *maker) modules(dir string) []string {
	entries, err := fs.ReadDir(m.folder, dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains([]string{"tests", "test", "docs"}, e.Name()) && (m.has(path.Join(dir, e.Name(), "__init__.py")) || m.has(path.Join(dir, e.Name(), "__main__.py"))) {
			out = append(out, e.Name())
		}
	}
	return out
}

// command finds out how the application starts.
func (m *maker) command(module string) {
	i := &m.spec.Image
	for _, find := range []func() ([]string, string){m.server, m.django} {
		if words, why := find(); words != nil {
			i.Cmd, i.CmdWhy = words, why
			return
		}
	}
	if len(m.scripts) > 0 {
		if words := calls(m.scripts[0]); words != nil {
			i.Cmd, i.CmdWhy = words, "the script "+m.scripts[0].Name
			return
		}
	}
	if module != "" && (m.has("src/"+module+"/__main__.py") || m.has(module+"/__main__.py")) {
		i.Cmd = []string{"python3", "-m", module}
		return
	}
	if name := m.script(); name != "" {
		m.read = append(m.read, name)
		i.Cmd = []string{"python3", workdir + "/" + name}
		return
	}
	i.Cmd, i.CmdWhy = []string{"python3"}, "nothing here says how the application starts"
	m.note("the command", "", "no file says how the application starts", "write it under image.cmd")
}

// calls is what a script of the project does, as a command; nil if its entry cannot be read.
func calls(s pyproject.Script) []string {
	from, function, ok := strings.Cut(s.Entry, ":")
	if !ok || !isDotted(from) || !isDotted(function) {
		return nil
	}
	first, _, _ := strings.Cut(function, ".")
	return []string{"python3", "-c", fmt.Sprintf("import sys; from %s import %s; sys.exit(%s())", from, first, function)}
}

// elsewhere names what a folder without a project has next to or below it: Dockerfiles of other names, and folders with projects.
func (m *maker) elsewhere() {
	if len(m.read) > 0 || len(m.spec.Files) > 0 {
		return
	}
	var folders []string
	for _, name := range m.names {
		switch {
		case !m.isDir(name) && (strings.HasPrefix(name, "Dockerfile.") || strings.HasSuffix(strings.ToLower(name), ".dockerfile")):
			m.note(name, "", "only a file named Dockerfile is taken by itself", "\"pyimg init --from "+name+"\" takes this one")
		case m.isDir(name) && !strings.HasPrefix(name, "."):
			if slices.ContainsFunc([]string{"Dockerfile", "Containerfile", "pyproject.toml", "requirements.txt"}, func(f string) bool { return m.has(name + "/" + f) }) {
				folders = append(folders, name)
			}
		}
	}
	if len(folders) > 0 {
		m.note(strings.Join(folders, ", "), "", "each folder with a project has a spec of its own", "\"pyimg init "+folders[0]+"\" makes one; where a Dockerfile there takes files of this folder, \"pyimg init --from "+folders[0]+"/Dockerfile\"")
	}
}

// isDotted reports whether text is names of Python with dots between.
func isDotted(text string) bool { return regexp.MustCompile(`^[A-Za-z_][\w.]*$`).MatchString(text) }

// script is the file that is run; "" if that is not certain.
func (m *maker) script() string {
	for _, name := range []string{"main.py", "app.py", "__main__.py", "run.py", "server.py"} {
		if m.has(name) {
			return name
		}
	}
	var scripts []string
	for _, name := range m.names {
		if path.Ext(name) == ".py" && name != "setup.py" && name != "conftest.py" && !strings.HasPrefix(name, "test_") {
			scripts = append(scripts, name)
		}
	}
	if len(scripts) == 1 {
		return scripts[0]
	}
	return ""
}

// server is the command of an application that a server runs: FastAPI by uvicorn, where the project asks for that.
func (m *maker) server() ([]string, string) {
	for _, name := range []string{"main.py", "app.py", "app/main.py", "src/main.py"} {
		if !m.has(name) {
			continue
		}
		data, err := m.peek(name)
		if err != nil {
			continue
		}
		found := regexp.MustCompile(`(?m)^(\w+)\s*(?::\s*\w+\s*)?=\s*FastAPI\(`).FindSubmatch(data)
		if found == nil || strings.Contains(string(data), "__main__") {
			continue
		}
		module := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, "src/"), ".py"), "/", ".")
		m.spec.Image.Ports = []string{"8000"}
		m.read = append(m.read, name)
		return []string{"uvicorn", module + ":" + string(found[1]), "--host", "0.0.0.0", "--port", "8000"}, name + " makes a FastAPI application; uvicorn must be among the packages"
	}
	return nil, ""
}

// django is the command of a project with a manage.py: gunicorn with the project's WSGI application, where the requirements have it,
// or else Django's own server.
func (m *maker) django() ([]string, string) {
	if !m.has("manage.py") {
		return nil, ""
	}
	m.read = append(m.read, "manage.py")
	m.spec.Image.Ports = []string{"8000"}
	for _, name := range m.names {
		if !m.has(name + "/wsgi.py") {
			continue
		}
		if m.asksFor("gunicorn") {
			return []string{"gunicorn", name + ".wsgi:application", "--bind", "0.0.0.0:8000"}, "manage.py is Django's"
		}
		break
	}
	return []string{"python3", workdir + "/manage.py", "runserver", "0.0.0.0:8000"}, "Django's server is for development; with gunicorn in the requirements: [gunicorn, PROJECT.wsgi:application]"
}

// asksFor reports whether the project's dependencies or its requirements.txt name a distribution.
func (m *maker) asksFor(name string) bool {
	lines := slices.Clone(m.wants.dependencies)
	if data, err := m.peek("requirements.txt"); err == nil {
		lines = append(lines, strings.Split(string(data), "\n")...)
	}
	return slices.ContainsFunc(lines, func(line string) bool {
		r, err := dependency.ParseRequirement(strings.TrimSpace(line))
		return err == nil && dependency.Normalize(r.Name) == name
	})
}

// maxPeek is how much of a module is looked at.
const maxPeek = 256 << 10

// peek reads the beginning of a file that the draft is not made of.
func (m *maker) peek(name string) ([]byte, error) {
	f, err := m.folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, maxPeek)
	n, err := f.Read(data)
	if n > 0 {
		return data[:n], nil
	}
	return nil, err
}
