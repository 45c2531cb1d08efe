package assemble

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
)

// What a spec that does not say gets; the same as in the embedded spec.
const (
	defaultBranch = "v3.24"
	defaultMirror = "https://dl-cdn.alpinelinux.org/alpine"
)

// ParseSpec reads a spec in YAML. The error is a *SpecError with all the faults that were found. Relative paths in it
// start from the working directory; name is used in errors.
func ParseSpec(name string, data []byte) (Spec, error) {
	d := &decoder{file: name, anchors: make(map[string]ast.Node)}
	s := Spec{Name: name}
	if top := d.parseYAML(data); top != nil {
		d.spec(&s, top)
	}
	if len(d.faults) > 0 {
		slices.SortStableFunc(d.faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
		return Spec{}, &SpecError{d.faults}
	}
	s.fillIn()
	return s, nil
}

// fillIn puts defaults where the spec is silent.
func (s *Spec) fillIn() {
	a := &s.Alpine
	if len(a.Repositories) == 0 {
		a.Repositories = []string{"main", "community"}
	}
	if len(a.Mirrors) == 0 {
		a.Mirrors = []string{defaultMirror}
	}
	named := func(r string) bool { _, r = cutTag(r); return !isPath(r) }
	if a.Branch == "" && slices.ContainsFunc(a.Repositories, named) {
		a.Branch = defaultBranch
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

func (d *decoder) spec(s *Spec, n ast.Node) {
	d.mapping("", n, map[string]field{
		"alpine":    func(p string, n ast.Node) { d.alpine(&s.Alpine, p, n) },
		"platforms": d.list(func(v string) error { return appendParsed(&s.Platforms, v, ParsePlatform) }),
		"packages":  d.list(func(v string) error { return appendParsed(&s.Packages, v, apk.ParseDependency) }),
		"runtime":   func(p string, n ast.Node) { d.runtimes(&s.Runtimes, p, n) },
		"allocator": func(p string, n ast.Node) { d.allocator(&s.Allocator, p, n) },
		"files":     d.files(&s.Files),
		"dirs":      d.dirs(&s.Dirs),
		"accounts":  d.accounts(&s.Accounts),
		"exclude":   d.list(func(v string) error { s.Exclude = append(s.Exclude, v); return checkExclude(v) }),
		"image":     func(p string, n ast.Node) { d.image(&s.Image, p, n) },
		"layers":    func(p string, n ast.Node) { d.layers(&s.Layers, p, n) },
	})
}

func appendParsed[T any](to *[]T, s string, parse func(string) (T, error)) error {
	v, err := parse(s)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

func (d *decoder) alpine(a *Alpine, p string, n ast.Node) {
	d.mapping(p, n, map[string]field{
		"branch":       d.text(func(v string) error { a.Branch = v; return checkBranch(v) }),
		"mirrors":      d.list(func(v string) error { a.Mirrors = append(a.Mirrors, v); return checkPresent(v) }),
		"repositories": d.list(func(v string) error { a.Repositories = append(a.Repositories, v); return checkRepository(v) }),
		"keys":         d.list(func(v string) error { a.Keys = append(a.Keys, v); return checkPresent(v) }),
		"dialect":      d.integer(&a.Dialect, 2, 3),
	})
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

// checkRepository takes a name on the mirrors, a URL or a directory, with "@TAG " before it where it is pinned.
func checkRepository(v string) error {
	tag, where := cutTag(v)
	if strings.HasPrefix(v, "@") && (tag == "" || where == "") {
		return fmt.Errorf("expected %q, found %q", "@TAG URL", v)
	}
	if where == "" {
		return fmt.Errorf("a repository is a name, a URL or a directory, not nothing")
	}
	return nil
}

// cutTag takes "@tag URL" apart; without a tag all of s is the place.
func cutTag(s string) (tag, where string) {
	if !strings.HasPrefix(s, "@") {
		return "", s
	}
	tag, where, _ = strings.Cut(s[1:], " ")
	return tag, strings.TrimSpace(where)
}

// isPath tells a repository given by URL or directory from a name on the mirrors.
func isPath(s string) bool { return isURL(s) || strings.Contains(s, "/") || s == "." || s == ".." }

func isURL(s string) bool { return strings.Contains(s, "://") }

func (d *decoder) runtimes(to *[]Runtime, p string, n ast.Node) {
	one := func(p string, n ast.Node) {
		var r Runtime
		d.runtime(&r, p, n)
		*to = append(*to, r)
	}
	if _, list := n.(*ast.SequenceNode); list {
		d.sequence(p, n, one)
		return
	}
	one(p, n)
}

func (d *decoder) runtime(r *Runtime, p string, n ast.Node) {
	before := len(d.faults)
	d.mapping(p, n, map[string]field{
		"python":  d.str(&r.Python),
		"source":  d.text(func(v string) error { r.Source = v; return checkSource(v) }),
		"sha256":  func(p string, n ast.Node) { d.sums(r, p, n) },
		"prefix":  d.text(func(v string) error { r.Prefix = path.Clean(v); return checkAbsolute(v) }),
		"exclude": d.list(func(v string) error { r.Exclude = append(r.Exclude, v); return checkGlob(v) }),
		"owner":   d.text(func(v string) (err error) { r.Owner, err = parseOwner(v); return err }),
	})
	if r.Source == "" && len(d.faults) == before {
		d.faultAt(n, p, "source is missing: a URL or file of a tarball, or apk for Alpine's own python3")
	}
	if strings.Contains(r.Source, "{version}") && r.Python == "" {
		d.faultAt(n, p, "source has {version}, so python must say which")
	}
}

func checkSource(v string) error {
	for _, scheme := range []string{"image:", "standalone:"} {
		if strings.HasPrefix(v, scheme) {
			return fmt.Errorf("%s sources are not supported yet; give the URL or file of a tarball, or apk", scheme)
		}
	}
	for _, m := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(v, -1) {
		if !slices.Contains([]string{"{version}", "{alpine_arch}", "{oci_arch}", "{triple}"}, m) {
			return fmt.Errorf("unknown %s in %q; known are {version}, {alpine_arch}, {oci_arch}, {triple}", m, v)
		}
	}
	return nil
}

// sums decodes sha256: one digest, or one for each platform.
func (d *decoder) sums(r *Runtime, p string, n ast.Node) {
	r.SHA256 = make(map[Platform]string)
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.text(func(v string) error { r.SHA256[Platform{}] = v; return checkSHA256(v) })(p, n)
		return
	}
	d.pairs(p, n, func(key string, at, value ast.Node) {
		platform, err := ParsePlatform(key)
		if err != nil {
			d.faultAt(at, p, "%v", err)
			return
		}
		if r.SHA256[platform] != "" {
			d.faultAt(at, p, "%s is given twice", platform)
			return
		}
		if value = d.follow(join(p, key), value); value == nil {
			return
		}
		d.text(func(v string) error { r.SHA256[platform] = v; return checkSHA256(v) })(join(p, key), value)
	})
}

func checkSHA256(v string) error {
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(v) {
		return fmt.Errorf("expected a SHA-256 as 64 lower-case hex digits, found %q", v)
	}
	return nil
}

func checkAbsolute(v string) error {
	if !strings.HasPrefix(v, "/") || strings.Contains(v, "/../") || strings.HasSuffix(v, "/..") {
		return fmt.Errorf("expected an absolute path in the image without \"..\", found %q", v)
	}
	return nil
}

func checkGlob(v string) error {
	if !doublestar.ValidatePattern(v) || strings.HasPrefix(v, "/") {
		return fmt.Errorf("expected a glob over paths without a leading slash, such as **/test/**, found %q", v)
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

func (d *decoder) allocator(a *Allocator, p string, n ast.Node) {
	if _, custom := n.(*ast.MappingNode); !custom {
		d.text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err })(p, n)
		return
	}
	d.mapping(p, n, map[string]field{
		"name":    d.text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err }),
		"preload": d.text(func(v string) error { a.Preload = v; return checkAbsolute(v) }),
		"env":     d.table(&a.Env, checkEnv),
	})
	if a.Name != "" && a.Preload != "" {
		d.faultAt(n, p, "name and preload exclude each other")
	}
}

// ParseAllocator checks the name of an allocator.
func ParseAllocator(v string) (string, error) {
	if !slices.Contains([]string{"jemalloc", "mimalloc", "none"}, v) {
		return "", fmt.Errorf("expected jemalloc, mimalloc, none or {preload: PATH}, found %q", v)
	}
	return v, nil
}

func checkEnv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
		return fmt.Errorf("expected an environment variable NAME: VALUE, found %q", name)
	}
	return nil
}

func (d *decoder) image(i *Image, p string, n ast.Node) {
	anything := func(string, string) error { return nil }
	d.mapping(p, n, map[string]field{
		"entrypoint":  d.strs(&i.Entrypoint),
		"cmd":         d.strs(&i.Cmd),
		"env":         d.table(&i.Env, checkEnv),
		"user":        d.str(&i.User),
		"workdir":     d.text(func(v string) error { i.Workdir = v; return checkAbsolute(v) }),
		"labels":      d.table(&i.Labels, anything),
		"annotations": d.table(&i.Annotations, anything),
		"ports":       d.list(func(v string) error { i.Ports = append(i.Ports, v); return checkPort(v) }),
		"volumes":     d.list(func(v string) error { i.Volumes = append(i.Volumes, v); return checkAbsolute(v) }),
		"stop_signal": d.str(&i.StopSignal),
	})
}

// checkPort takes what ExposedPorts takes: PORT, PORT/tcp, PORT/udp.
func checkPort(v string) error {
	number, protocol, has := strings.Cut(v, "/")
	if n, err := strconv.Atoi(number); err != nil || n < 1 || n > 65535 || has && protocol != "tcp" && protocol != "udp" {
		return fmt.Errorf("expected PORT, PORT/tcp or PORT/udp, found %q", v)
	}
	return nil
}

func (d *decoder) layers(l *Layers, p string, n ast.Node) {
	d.mapping(p, n, map[string]field{
		"strategy":    d.oneOf(&l.Strategy, "auto", "package", "single"),
		"max":         d.integer(&l.Max, 2, 120), // docker's overlay2 fails near 127
		"compression": d.oneOf(&l.Compression, "gzip", "zstd"),
		"level":       d.integer(&l.Level, 1, 22),
	})
	if err := layers.CheckLevel(l.Compression, l.Level); err != nil {
		d.faultAt(n, join(p, "level"), "%v", err)
	}
}
