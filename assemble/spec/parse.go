package spec

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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

func (d decoder) runtimes(to *[]Runtime, p string, n ast.Node) {
	one := func(p string, n ast.Node) {
		var r Runtime
		d.runtime(&r, p, n)
		*to = append(*to, r)
	}
	if _, list := n.(*ast.SequenceNode); list {
		d.Sequence(p, n, one)
		return
	}
	one(p, n)
}

func (d decoder) runtime(r *Runtime, p string, n ast.Node) {
	before := d.Faults()
	d.Mapping(p, n, d.runtimeFields(r))
	if d.Faults() == before {
		for _, fault := range r.faults() {
			d.FaultAt(n, p, "%s", fault)
		}
	}
}

func (d decoder) runtimeFields(r *Runtime) fields {
	return fields{
		row("python", d.Str(&r.Python), r.Python),
		row("source", func(p string, n ast.Node) { d.sources(r, p, n) }, byPlatformYAML(r.Source, r.Sources)),
		row("mirror", d.Text(func(v string) error { r.Mirror = v; return checkPresent(v) }), r.Mirror),
		row("paths", d.List(func(v string) error { r.Paths = append(r.Paths, strings.Trim(v, "/")); return checkPath(v) }), r.Paths),
		row("sha256", func(p string, n ast.Node) { d.sums(r, p, n) }, byPlatformYAML(r.SHA256[Platform{}], r.SHA256)),
		row("prefix", d.Text(func(v string) error { r.Prefix = path.Clean(v); return CheckAbsolute(v) }), r.Prefix),
		row("exclude", d.List(func(v string) error { r.Exclude = append(r.Exclude, v); return glob.Check(v) }), r.Exclude),
		row("owner", d.Text(func(v string) (err error) { r.Owner, err = parseOwner(v); return err }), r.Owner.text()),
		row("require_signature", d.List(func(v string) error { r.RequireSignature = append(r.RequireSignature, v); return checkPresent(v) }), r.RequireSignature),
		row("require", d.List(func(v string) error { r.Require = append(r.Require, v); return checkRequire(v) }), r.Require),
	}
}

// text writes the owner as a spec does; "" for none.
func (o *Owner) text() string {
	if o == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", o.UID, o.GID)
}

// faults reports fields of a runtime that contradict each other.
func (r *Runtime) faults() []string {
	all := []string{r.Source}
	if r.Sources != nil {
		all = nil
		for _, p := range sortPlatforms(platformsOf(r.Sources)) {
			all = append(all, r.Sources[p])
		}
	}
	any := func(is func(string) bool) bool { return slices.ContainsFunc(all, is) }
	begins := func(with string) func(string) bool {
		return func(s string) bool { return strings.HasPrefix(s, with) }
	}
	var faults []string
	if len(all) == 0 || r.Sources == nil && r.Source == "" {
		faults = append(faults, "source is missing: a URL or file of a tarball, image:REF, standalone:VERSION, or apk for Alpine's own python3")
	}
	if any(func(s string) bool { return strings.Contains(s, "{version}") }) && r.Python == "" {
		faults = append(faults, "source has {version}, so the field python must give the version")
	}
	if r.Paths != nil && !any(begins(FromImage)) {
		faults = append(faults, "paths is only for a source that is an image (image:REF)")
	}
	if r.Mirror != "" && !any(begins(FromStandalone)) {
		faults = append(faults, "mirror is only for a source of python-build-standalone (standalone:VERSION)")
	}
	if r.SHA256 != nil && any(begins(FromImage)) {
		faults = append(faults, "sha256 is only for a tarball; pin an image with image:REF@sha256:DIGEST")
	}
	if r.RequireSignature != nil && !any(begins(FromImage)) {
		faults = append(faults, "require_signature is only for a source that is an image (image:REF)")
	}
	return faults
}

// sources decodes the field source: one source for all platforms, or one for each.
func (d decoder) sources(r *Runtime, p string, n ast.Node) {
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) error { r.Source = v; return checkSource(v) })(p, n)
		return
	}
	r.Sources = make(map[Platform]string)
	d.byPlatform(p, n, func(platform Platform, v string) error {
		if v == "" {
			return errors.New("expected a source, found nothing")
		}
		r.Sources[platform] = v
		return checkSource(v)
	})
}

// byPlatform decodes a mapping from platforms to scalars.
func (d decoder) byPlatform(p string, n ast.Node, set func(Platform, string) error) {
	seen := make(map[Platform]bool)
	d.Pairs(p, n, func(key string, at, value ast.Node) {
		platform, err := ParsePlatform(key)
		if err != nil {
			d.FaultAt(at, p, "%v", err)
			return
		}
		if seen[platform] {
			d.FaultAt(at, p, "%s is given twice", platform)
			return
		}
		seen[platform] = true
		if value = d.Follow(strictyaml.Join(p, key), value); value == nil {
			return
		}
		d.Text(func(v string) error { return set(platform, v) })(strictyaml.Join(p, key), value)
	})
}

// checkPath accepts a path in an image, with or without a leading slash.
func checkPath(v string) error {
	if p := strings.Trim(v, "/"); p == "" || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") {
		return fmt.Errorf("expected a path in the image, such as usr/local, found %q", v)
	}
	return nil
}

// sums decodes the field sha256: one digest for all platforms, or one for each.
func (d decoder) sums(r *Runtime, p string, n ast.Node) {
	r.SHA256 = make(map[Platform]string)
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) error { r.SHA256[Platform{}] = v; return checkSHA256(v) })(p, n)
		return
	}
	d.byPlatform(p, n, func(platform Platform, v string) error { r.SHA256[platform] = v; return checkSHA256(v) })
}

func checkSHA256(v string) error {
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(v) {
		return fmt.Errorf("expected a SHA-256 as 64 lower-case hex digits, found %q", v)
	}
	return nil
}

func CheckAbsolute(v string) error {
	if !strings.HasPrefix(v, "/") || strings.Contains(v, "/../") || strings.HasSuffix(v, "/..") {
		return fmt.Errorf("expected an absolute path in the image without \"..\", found %q", v)
	}
	return nil
}

func parseOwner(v string) (*Owner, error) {
	u, g, ok := strings.Cut(v, ":")
	uid, err1 := strconv.ParseUint(u, 10, 31)
	gid, err2 := strconv.ParseUint(g, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("expected UID:GID such as 0:0, found %q", v)
	}
	return &Owner{int(uid), int(gid)}, nil
}

func (d decoder) allocator(a *Allocator, p string, n ast.Node) {
	if _, custom := n.(*ast.MappingNode); !custom {
		d.Text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err })(p, n)
		return
	}
	d.Mapping(p, n, d.allocatorFields(a))
	for _, fault := range a.faults() {
		d.FaultAt(n, p, "%s", fault)
	}
}

func (d decoder) allocatorFields(a *Allocator) fields {
	secure := ""
	if a.Insecure {
		secure = "false"
	}
	return fields{
		row("name", d.Text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err }), a.Name),
		row("use", d.OneOf(&a.Use, UsePython, UsePreload), a.Use),
		row("from", d.OneOf(&a.From, FromRuntime, FromAPK), a.From),
		row("secure", d.Text(func(v string) (err error) { a.Insecure, err = parseInsecure(v); return err }), secure),
		row("conf", d.Table(&a.Conf, checkConf), a.Conf),
		row("preload", d.Text(func(v string) error { a.Preload = v; return CheckAbsolute(v) }), a.Preload),
		row("env", d.Table(&a.Env, checkEnv), a.Env),
	}
}

// allocatorYAML writes only the name if no other field is set.
func (d decoder) allocatorYAML(a Allocator) any {
	all := d.allocatorFields(&a).YAML()
	if len(all) == 1 && a.Name != "" {
		return a.Name
	}
	return all
}

// faults reports fields of an allocator that contradict each other.
func (a *Allocator) faults() []string {
	var faults []string
	say := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, text)
		}
	}
	say(a.Name != "" && a.Preload != "", "name and preload exclude each other")
	say(a.Use != "" && a.Name != "mimalloc", "use is only for mimalloc")
	say(a.Insecure && (a.Name != "mimalloc" || a.Use != UsePreload), "secure is only for the library of mimalloc (use: preload)")
	say(a.Conf != nil && a.Name != "jemalloc", "conf is only for jemalloc")
	say(a.From != "" && a.Library().Name == "", "from is only for a library that is preloaded by name")
	return faults
}

func parseInsecure(v string) (bool, error) {
	if v != "true" && v != "false" {
		return false, fmt.Errorf("expected true or false, found %q", v)
	}
	return v == "false", nil
}

// checkConf accepts an option of jemalloc(3), "TUNING".
func checkConf(name, value string) error {
	if name == "" || strings.ContainsAny(name+value, ",: ") || value == "" {
		return fmt.Errorf("expected an option of MALLOC_CONF, such as dirty_decay_ms: 10000, found %q", name+": "+value)
	}
	return nil
}

// ParseAllocator checks the name of an allocator.
func ParseAllocator(v string) (string, error) {
	if !slices.Contains([]string{"jemalloc", "mimalloc", "none"}, v) {
		return "", fmt.Errorf("expected jemalloc, mimalloc, none or {preload: PATH}, found %q", v)
	}
	return v, nil
}

// checkEnv accepts the name of an environment variable. It may have dots and dashes, which some programs use.
func checkEnv(name, value string) error {
	if err := checkKey(name); err != nil || strings.ContainsRune(value, 0) {
		return fmt.Errorf("expected an environment variable NAME: VALUE, its name without white space, = and control characters, found %q", name)
	}
	return nil
}

// CheckLabel accepts the key of a label or an annotation. It must not have white space or =, which separate key and value when
// tools list them.
func CheckLabel(key, _ string) error {
	if checkKey(key) != nil {
		return fmt.Errorf("expected a key such as org.opencontainers.image.title, without white space, = and control characters, found %q", key)
	}
	return nil
}

// errKey reports a key with characters that are not allowed.
var errKey = errors.New("white space, = or a control character in a key")

func checkKey(key string) error {
	odd := func(r rune) bool { return r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if key == "" || !utf8.ValidString(key) || strings.ContainsFunc(key, odd) {
		return errKey
	}
	return nil
}

func (d decoder) imageFields(i *Image) fields {
	return fields{
		row("entrypoint", d.Words(&i.Entrypoint), listed(i.Entrypoint)),
		row("cmd", d.Words(&i.Cmd), listed(i.Cmd)),
		row("env", d.Table(&i.Env, checkEnv), i.Env),
		row("user", d.Str(&i.User), i.User),
		row("workdir", d.Text(func(v string) error { i.Workdir = v; return CheckAbsolute(v) }), i.Workdir),
		row("labels", d.Table(&i.Labels, CheckLabel), i.Labels),
		row("annotations", d.Table(&i.Annotations, CheckLabel), i.Annotations),
		row("ports", d.List(func(v string) error { i.Ports = append(i.Ports, v); return checkPort(v) }), i.Ports),
		row("volumes", d.List(func(v string) error { i.Volumes = append(i.Volumes, v); return CheckAbsolute(v) }), i.Volumes),
		row("stop_signal", d.Str(&i.StopSignal), i.StopSignal),
		row("healthcheck", func(p string, n ast.Node) { d.healthcheck(&i.Healthcheck, p, n) }, d.healthcheckYAML(i.Healthcheck)),
	}
}

// checkPort accepts the forms of ExposedPorts: PORT, PORT/tcp, PORT/udp.
func checkPort(v string) error {
	number, protocol, has := strings.Cut(v, "/")
	if n, err := strconv.Atoi(number); err != nil || n < 1 || n > 65535 || has && protocol != "tcp" && protocol != "udp" {
		return fmt.Errorf("expected PORT, PORT/tcp or PORT/udp, found %q", v)
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
