package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Defaults of a spec; the same as in the embedded spec.
const (
	defaultBranch = "v3.24"
	defaultMirror = "https://dl-cdn.alpinelinux.org/alpine"
)

// Parse reads a spec in YAML, with the defaults of its variables. The error is an *Error with all the faults that were found.
// Relative paths in the spec start from the working directory. name is used in errors.
func Parse(name string, data []byte) (Spec, error) {
	d := decoder{strictyaml.New(name, "spec")}
	parsed, err := d.spec(name, d.Parse(data), nil, nil)
	return parsed, hinted(err, name, data)
}

// spec decodes a document. set are the values of variables; folder is where the file of a node is, from the spec's folder.
func (d decoder) spec(name string, top ast.Node, set map[string]string, folder func(ast.Node) string) (Spec, error) {
	s := Spec{Name: name}
	if d.Faults() == 0 {
		top = d.Follow("", top)
		vars := d.variables(top, set)
		vars.folder = folder
		d.Fill(vars)
		if !strictyaml.IsNull(top) {
			d.Mapping("", top, d.specFields(&s))
		}
		d.misspelt(vars)
	}
	if err := d.Err(); err != nil {
		return Spec{}, err
	}
	s.fillIn()
	return s, nil
}

// FillIn sets the defaults of fields that are left out.
func (a *Alpine) FillIn() {
	if len(a.Repositories) == 0 {
		a.Repositories = []string{"main", "community"}
	}
	if len(a.Mirrors) == 0 {
		a.Mirrors = []string{defaultMirror}
	}
	if a.Branch == "" && a.NeedsBranch() {
		a.Branch = defaultBranch
	}
}

// fillIn sets the defaults of fields that the spec leaves out.
func (s *Spec) fillIn() {
	branch := s.Alpine.Branch
	s.Alpine.FillIn()
	if s.Base.Asked() {
		s.Alpine.Branch = branch // that of the base, where nobody says one
	}
	if len(s.Platforms) == 0 {
		s.Platforms = []Platform{{"linux", "amd64", ""}, {"linux", "arm64", ""}}
	}
	s.Platforms = sortPlatforms(s.Platforms)
	if s.Layers.Strategy == "" {
		s.Layers.Strategy = "auto"
	}
	if s.Layers.Max == 0 {
		s.Layers.Max = DefaultMaxLayers
	}
}

// specFields is the table of a spec's fields, for reading and writing. A field that is added here must be described in
// docs/SPEC.md, too.
func (d decoder) specFields(s *Spec) fields {
	return fields{
		row("extends", d.List(func(string) error { return errText }), nil), // merged before
		row("vars", func(string, ast.Node) {}, nil),                        // filled in before
		row("base", func(p string, n ast.Node) { d.base(&s.Base, p, n) }, d.baseYAML(s.Base)),
		row("alpine", d.Within(func() fields { return d.alpineFields(&s.Alpine) }), d.alpineFields(&s.Alpine).YAML()),
		row("platforms", d.List(func(v string) error { return appendParsed(&s.Platforms, v, ParsePlatform) }), texts(s.Platforms)),
		row("packages", d.ListAt(func(n ast.Node, v string) error { return d.pkg(s, n, v) }), texts(s.Packages)),
		row("runtime", func(p string, n ast.Node) { d.runtimes(&s.Runtimes, p, n) }, strictyaml.ListYAML(s.Runtimes, d.runtimeFields)),
		row("allocator", func(p string, n ast.Node) { d.allocator(&s.Allocator, p, n) }, d.allocatorYAML(s.Allocator)),
		row("python", func(p string, n ast.Node) { d.python(&s.Python, p, n) }, d.pythonFields(&s.Python).YAML()),
		row("files", d.files(&s.Files), strictyaml.ListYAML(s.Files, d.fileFields)),
		row("dirs", d.dirs(&s.Dirs), strictyaml.ListYAML(s.Dirs, func(dir *Dir) fields { return d.dirFields(dir, nil) })),
		row("paths", d.paths(&s.Paths), strictyaml.ListYAML(s.Paths, func(p *Path) fields { return d.pathFields(p) })),
		row("certificates", d.List(func(v string) error { return d.certificate(s, v) }), s.Certificates),
		row("accounts", d.Within(func() fields { return d.accountFields(&s.Accounts) }), d.accountFields(&s.Accounts).YAML()),
		row("bytecode", d.OneOf(&s.Bytecode, BytecodeModes()...), s.Bytecode),
		row("sbom", d.List(func(v string) error { s.SBOM = append(s.SBOM, v); return s.checkSBOM() }), s.SBOM),
		row("exclude", d.List(func(v string) error { s.Exclude = append(s.Exclude, v); return glob.CheckExclude(v) }), s.Exclude),
		row("image", d.Within(func() fields { return d.imageFields(&s.Image) }), d.imageFields(&s.Image).YAML()),
		row("layers", func(p string, n ast.Node) { d.layers(&s.Layers, p, n) }, d.layerFields(&s.Layers).YAML()),
		row("push", d.List(func(v string) error { s.Push = append(s.Push, v); return checkReference(v) }), s.Push),
	}
}

// checkReference refuses what is no reference at all. Only a push knows the rest of the rules.
func checkReference(v string) error {
	if v == "" || strings.ContainsAny(v, " \t\n") {
		return fmt.Errorf("expected a reference such as ghcr.io/you/app:1.0, found %q", v)
	}
	host, _, _ := strings.Cut(v, "/")
	if strings.Contains(v, "://") || strings.Contains(host, "@") && !strings.Contains(host, "@sha256:") { // not repeated: it may hold a password
		return errors.New("expected a reference such as ghcr.io/you/app:1.0, found a URL or a user name; log in instead")
	}
	return nil
}

func (d decoder) pkg(s *Spec, n ast.Node, v string) error {
	dependency, err := apk.ParseDependency(v)
	if err != nil {
		return err
	}
	s.Packages = append(s.Packages, dependency)
	s.Asked = append(s.Asked, Asked{dependency.Name, d.Place(n)})
	return nil
}

func appendParsed[T any](to *[]T, s string, parse func(string) (T, error)) error {
	v, err := parse(s)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

func (d decoder) alpineFields(a *Alpine) fields {
	return fields{
		row("branch", d.Text(func(v string) error { a.Branch = v; return checkBranch(v) }), a.Branch),
		row("mirrors", d.List(func(v string) error { a.Mirrors = append(a.Mirrors, v); return checkPresent(v) }), a.Mirrors),
		row("repositories", d.List(func(v string) error { a.Repositories = append(a.Repositories, v); return checkRepository(v) }), a.Repositories),
		row("keys", d.List(func(v string) error { a.Keys = append(a.Keys, v); return checkPresent(v) }), a.Keys),
		row("dialect", d.Integer(&a.Dialect, 2, 3), a.Dialect),
	}
}

func checkBranch(v string) error {
	if v != "edge" && !regexp.MustCompile(`^v\d+\.\d+$`).MatchString(v) {
		return fmt.Errorf("expected edge or vMAJOR.MINOR such as %s, found %q", defaultBranch, v)
	}
	return nil
}

func checkPresent(v string) error {
	if v == "" {
		return errors.New("expected a URL or a path, found nothing")
	}
	return nil
}

// checkRepository accepts a name on the mirrors, a URL or a directory, with "@TAG " before it if it is pinned.
func checkRepository(v string) error {
	tag, where := cutTag(v)
	if strings.HasPrefix(v, "@") && (tag == "" || where == "") {
		return fmt.Errorf("expected %q, found %q", "@TAG URL", v)
	}
	if where == "" {
		return fmt.Errorf("expected the name, URL or directory of a repository, found nothing")
	}
	return nil
}

func CheckAbsolute(v string) error {
	if !strings.HasPrefix(v, "/") || strings.Contains(v, "/../") || strings.HasSuffix(v, "/..") {
		return fmt.Errorf("expected an absolute path in the image without \"..\", found %q", v)
	}
	return nil
}

func (d decoder) layers(l *Layers, p string, n ast.Node) {
	d.Mapping(p, n, d.layerFields(l))
	if err := l.checkLevel(); err != nil {
		d.FaultAt(n, strictyaml.Join(p, "level"), "%v", err)
	}
}

func (d decoder) layerFields(l *Layers) fields {
	return fields{
		row("strategy", d.OneOf(&l.Strategy, "auto", "package", "single"), l.Strategy),
		row("max", d.Integer(&l.Max, 2, 120), l.Max), // docker's overlay2 fails near 127
		row("compression", d.OneOf(&l.Compression, "gzip", "zstd"), l.Compression),
		row("level", d.Integer(&l.Level, 1, maxZstdLevel), l.Level),
	}
}
