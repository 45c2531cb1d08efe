package check

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers/tree"
)

// runsPython checks the FILE of python3 FILE and the MODULE of python3 -m MODULE.
func (c *checker) runsPython(l launch, called string, n tree.Node) {
	run := c.pythonRun(called, n)
	l.trail.python = &run
	minor := 0
	if run.known && run.version.major == 3 {
		minor = run.version.minor
	}
	name := path.Base(l.argv[0])
	a, err := python.ParseArguments(l.argv[1:], minor)
	switch {
	case err != nil:
		c.launchFinding(l, Error, "python-arguments", "", "see python3 --help", "%s ends when it starts: %v", name, err)
	case a.File != "":
		c.runsFile(l, name, a.File)
	case a.Module != "" && run.known:
		c.runsModule(l, run, a)
	}
}

func (c *checker) runsFile(l launch, name, file string) {
	const check = "python-file"
	n, ok := c.readsFile(l, check, name, file)
	if !ok {
		return
	}
	if n.Entry.ELF != nil {
		c.launchFinding(l, Error, check, "/"+n.Path, "name the program itself", "%s is to run /%s, which is a program or library, not a script", name, n.Path)
	}
	if n.IsDir() && !c.has(path.Join(n.Path, "__main__.py")) && !c.has(path.Join(n.Path, "__main__.pyc")) {
		c.launchFinding(l, Error, check, "/"+n.Path, "name a script in the folder", "%s is to run /%s, which is a folder without __main__.py", name, n.Path)
	}
}

func (c *checker) has(at string) bool {
	n, err := c.Tree.Lookup(at)
	return err == nil && !n.IsDir()
}

// runsModule checks the module of python3 -m MODULE, by the rules of runpy.
func (c *checker) runsModule(l launch, run pythonRun, a python.Arguments) {
	const check, fix = "python-module", "add the module, or set workdir or PYTHONPATH to the folder that contains it"
	p := c.importPath(run, a, l)
	severity := Error
	if p.open != "" {
		severity = Warning
	}
	m, err := p.find(a.Module)
	if err != nil {
		if p.open != "" {
			err = fmt.Errorf("%w; %s", err, p.open)
		}
		c.launchFinding(l, severity, check, "", fix, "%s cannot run -m %s: %v%s", path.Base(l.argv[0]), a.Module, err, c.elsewhereModule(a.Module))
		return
	}
	if m.at == "" {
		return
	}
	n, err := c.Tree.Lookup(m.at)
	if err != nil {
		return
	}
	h := n.Entry.Header
	if dir := c.barrier(l.user, m.at); dir != "" || !l.user.may(n, mayRead) {
		c.launchFinding(l, Error, check, "/"+n.Path, "give it another mode or owner", "the user %s may not read /%s (mode %04o, owner %d:%d), the file of -m %s",
			l.user.label(), n.Path, h.Mode&0o7777, h.Uid, h.Gid, a.Module)
	}
}

// elsewhereModule names a file of the module that is not on the import path, for a message.
func (c *checker) elsewhereModule(module string) string {
	stem := "/" + strings.ReplaceAll(strings.TrimSuffix(module, ".py"), ".", "/")
	for n := range c.Tree.All() {
		for _, end := range []string{".py", "/__main__.py", "/__init__.py"} {
			if !n.IsDir() && strings.HasSuffix("/"+n.Path, stem+end) {
				return " (there is /" + n.Path + ")"
			}
		}
	}
	return ""
}

// A searchPath is a Python's sys.path.
type searchPath struct {
	c     *checker
	dirs  []string
	abi   python.ABI
	lines int    // how many lines of .pth files were read
	open  string // why Python may find a module that is not found here; "" if it will not
}

// importPath returns the folders in which a Python searches modules. See site.py and Modules/getpath.py.
func (c *checker) importPath(run pythonRun, a python.Arguments, l launch) *searchPath {
	env := func(name string) string { value, _ := lookupEnv(l.env, name); return value }
	p := &searchPath{c: c, abi: c.abi(stdlib{version: run.version})}
	if !a.SafePath && (a.IgnoreEnvironment || env("PYTHONSAFEPATH") == "") {
		p.add(l.dir)
	}
	home := ""
	if !a.IgnoreEnvironment {
		home = env("PYTHONHOME")
		for _, dir := range folders(l.dir, env("PYTHONPATH")) {
			p.add(dir)
		}
	}
	bases := c.bases(run, home)
	folder := run.version.folder()
	for _, base := range bases {
		for _, lib := range []string{"lib", "lib64"} {
			std := path.Join(base, lib, folder)
			p.add(std)
			p.add(path.Join(std, "lib-dynload"))
			for _, known := range c.libraries {
				if "/"+known.dir == std {
					p.abi = c.abi(known)
				}
			}
		}
		p.add(path.Join(base, "lib", strings.Replace(folder, ".", "", 1)+".zip"))
	}
	if len(bases) == 0 {
		p.open = "its standard library was not found"
	}
	if !a.NoSite {
		user := cmp.Or(env("HOME"), l.user.home)
		if a.NoUserSite || env("PYTHONNOUSERSITE") != "" && !a.IgnoreEnvironment {
			user = ""
		}
		p.site(run, bases, user)
	}
	return p
}

// add puts a folder on the path. The modules of zip files and volumes are not known, so they make the path open.
func (p *searchPath) add(dir string) {
	n, err := p.c.Tree.Lookup(dir)
	switch {
	case p.c.inVolume(dir):
		p.open = dir + " is in a volume"
	case err != nil:
		return
	case !n.IsDir():
		p.open = dir + " is an archive, which pyimg does not read"
		return
	}
	if at := "/" + n.Path; err == nil && !slices.Contains(p.dirs, at) && len(p.dirs) < maxImportPath {
		p.dirs = append(p.dirs, at)
	}
}

// maxImportPath and maxPthLines bound sys.path and the .pth files that are read for it; in real images these have a few lines.
const (
	maxImportPath = 200
	maxPthLines   = 10_000
)

// site adds the folders that site.py adds: site-packages of the virtual environment or the installation, those in the user's
// home unless home is "", and the folders that .pth files name.
func (p *searchPath) site(run pythonRun, bases []string, home string) {
	folder := run.version.folder()
	var dirs []string
	venv := p.c.venv(run)
	if venv != nil {
		bases = slices.Clip(bases)
		if !venv.system {
			bases = nil
		}
		bases = append([]string{venv.prefix}, bases...)
	}
	for _, base := range bases {
		for _, packages := range []string{"site-packages", "dist-packages"} {
			for _, lib := range []string{"lib/" + folder, "lib64/" + folder, "local/lib/" + folder, "lib/python3"} {
				dirs = append(dirs, path.Join(base, lib, packages))
			}
		}
	}
	if (venv == nil || venv.system) && len(bases) > 0 {
		dirs = append(dirs, "/usr/local/lib/"+folder+"/dist-packages") // Debian's
	}
	if home != "" {
		dirs = append(dirs, path.Join("/", home, ".local/lib", folder, "site-packages"))
	}
	for _, dir := range dirs {
		if n, err := p.c.Tree.Lookup(dir); err == nil && n.IsDir() {
			p.add(dir)
			p.pth(n.Path)
		}
	}
}

// pth adds the folders that the .pth files of a folder name.
func (p *searchPath) pth(dir string) {
	for _, n := range p.c.children(dir) {
		if !strings.HasSuffix(n.Path, ".pth") || n.IsDir() {
			continue
		}
		if n.Entry.Kept == nil && n.Entry.Header.Size > 0 {
			p.open = "/" + n.Path + " is too long to be read"
		}
		for line := range strings.Lines(string(n.Entry.Kept)) {
			if p.lines++; p.lines > maxPthLines {
				p.open = "its .pth files have too many lines to be read"
				return
			}
			line = strings.TrimRight(line, " \t\r\n")
			switch {
			case line == "" || line[0] == '#':
			case strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t"):
				if !isHarmlessHook(path.Base(n.Path)) {
					p.open = "/" + n.Path + " runs code that may add modules"
				}
			case path.IsAbs(line):
				p.add(line)
			default:
				p.add(path.Join("/", dir, line))
			}
		}
	}
}

// isHarmlessHook reports whether a .pth file is one of a widely used package, whose code adds no modules.
func isHarmlessHook(base string) bool {
	return base == "distutils-precedence.pth" || base == "_virtualenv.pth" || strings.HasSuffix(base, "-nspkg.pth") || strings.Contains(base, "coverage")
}

// children are the nodes in a folder, not those below them.
func (c *checker) children(dir string) []tree.Node {
	in := dir + "/"
	if dir == "" {
		in = ""
	}
	var found []tree.Node
	for n := range c.Tree.Beginning(in) {
		if !strings.Contains(n.Path[len(in):], "/") {
			found = append(found, n)
		}
	}
	return found
}
