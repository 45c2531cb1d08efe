package wheels

import (
	"fmt"
	"path"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/target"
)

// A Site is the Python of an image that wheels are installed for, and where their files go.
type Site struct {
	Target      target.Target
	Scheme      install.Scheme
	Interpreter string // for the first lines of scripts
	Tag         string // of its bytecode, "cpython-313"
	Folders     []string
}

// NewSite works out the site of a runtime, of which has reports whether it has a file. folder is another one for the modules than
// the runtime's own; "" is that. musl is the version of the image's musl.
func NewSite(p spec.Platform, r python.Report, musl, folder string, has func(path string) bool) (Site, error) {
	b := r.Python
	if b == nil {
		return Site{}, fmt.Errorf("wheels need a CPython, and /%s has none", strings.Trim(r.Prefix, "/"))
	}
	machine, ok := target.Machine(p.Alpine())
	if !ok {
		return Site{}, fmt.Errorf("wheels are not known for %s", p)
	}
	version := b.Version
	if strings.Count(version, ".") == 1 {
		version += ".0" // no header says more, and few markers ask for it
	}
	t, err := target.New(p.String(), target.Python{Version: version, FreeThreaded: b.FreeThreaded, Debug: b.Debug, Musl: musl, Machine: machine, ExtSuffix: extSuffix(b)})
	if err != nil {
		return Site{}, err
	}
	parts := strings.SplitN(version, ".", 3)
	name, tag := "python"+parts[0]+"."+parts[1], "cpython-"+parts[0]+parts[1]
	if b.FreeThreaded {
		name, tag = name+"t", tag+"t"
	}
	s := Site{Target: t, Scheme: install.NewScheme(r.Prefix, name), Tag: tag}
	s.Folders = []string{s.Scheme.Purelib, path.Dir(s.Scheme.Purelib)}
	for _, program := range []string{name, "python" + parts[0] + "." + parts[1], "python3", "python"} {
		if s.Interpreter = path.Join(r.Prefix, "bin", program); has(strings.TrimPrefix(s.Interpreter, "/")) {
			break
		}
	}
	if folder != "" {
		s.redirect(strings.Trim(folder, "/"))
	}
	return s, nil
}

// redirect moves everything below a folder, as pip --target does.
func (s *Site) redirect(folder string) {
	s.Scheme = install.Scheme{
		Purelib: folder, Platlib: folder, Data: folder, Scripts: path.Join(folder, "bin"),
		Headers: path.Join(folder, "include", path.Base(s.Scheme.Headers)),
	}
	s.Folders = append([]string{folder}, s.Folders...)
}

// extSuffix is the suffix of extension modules that the Python's own configuration names; "" where it does not.
func extSuffix(b *python.Build) string {
	if b.SOABI == "" {
		return ""
	}
	return "." + b.SOABI + ".so"
}

// protects reports whether a path is the interpreter's or the standard library's, whatever a RECORD of the runtime says.
func (s Site) protects(at string) bool {
	if at == strings.TrimPrefix(s.Interpreter, "/") {
		return true
	}
	stdlib := s.Folders[len(s.Folders)-1] + "/"
	return strings.HasPrefix(at, stdlib) && !strings.HasPrefix(at, stdlib+"site-packages/")
}
