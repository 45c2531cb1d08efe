package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/strictyaml"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// Parse reads a wheels.yaml. name is used in errors.
func Parse(name string, data []byte) (Config, error) {
	c := Config{Name: name, Prebuilt: Use, Packages: make(map[string]*Package), Limits: Limits{Time: defaultTime, Tries: 1}}
	d := strictyaml.New(name, "wheels.yaml")
	top := d.Parse(data)
	if top != nil {
		d.Mapping("", top, c.fields(d))
	}
	if d.Faults() == 0 {
		c.check(d, top)
	}
	if err := d.Err(); err != nil {
		return Config{}, err
	}
	c.Platforms = sorted(c.Platforms)
	c.Builder.Alpine.FillIn()
	return c, nil
}

func row(name string, read strictyaml.Field) strictyaml.Row {
	return strictyaml.Row{Name: name, Read: read}
}

func (c *Config) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		row("pythons", spec.RuntimesField(d, &c.Pythons)),
		row("platforms", parsed(d, &c.Platforms, spec.ParsePlatform)),
		row("wanted", d.Within(func() strictyaml.Fields { return c.Wanted.fields(d) })),
		row("sources", spec.WheelsField(d, &c.Sources, &c.Mirrors, checkSource)),
		row("index", d.Text(setTo(&c.Index, checkIndex))),
		row("key", d.Text(setTo(&c.Key, checkKey))),
		row("prebuilt", d.OneOf(&c.Prebuilt, Use, Build)),
		row("builder", d.Within(func() strictyaml.Fields { return c.Builder.fields(d) })),
		row("packages", func(p string, n ast.Node) { c.packages(d, p, n) }),
		row("limits", d.Within(func() strictyaml.Fields { return c.Limits.fields(d) })),
	}
}

// parsed is a field with a list of values that parse reads.
func parsed[T any](d *strictyaml.Decoder, to *[]T, parse func(string) (T, error)) strictyaml.Field {
	return d.List(func(text string) error {
		v, err := parse(text)
		if err == nil {
			*to = append(*to, v)
		}
		return err
	})
}

func (w *Wanted) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		row("requirements", d.List(addTo(&w.Requirements, checkPath))),
		row("locks", d.List(addTo(&w.Locks, checkPath))),
		row("packages", d.List(addTo(&w.Packages, checkRequirement))),
		row("sdists", d.List(addTo(&w.Sdists, checkPath))),
	}
}

func (b *Builder) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		row("alpine", spec.AlpineField(d, &b.Alpine)),
		row("packages", parsed(d, &b.Packages, apk.ParseDependency)),
		row("image", d.Text(setTo(&b.Image, checkPresent))),
		row("folder", d.Text(setTo(&b.Folder, checkPath))),
		row("mounts", parsed(d, &b.Mounts, parseMount)),
		row("env", d.Table(&b.Env, checkEnv)),
	}
}

// packages decodes what is said of packages. Two spellings of one name are a fault.
func (c *Config) packages(d *strictyaml.Decoder, path string, n ast.Node) {
	d.Pairs(path, n, func(name string, at, value ast.Node) {
		if err := dependency.CheckName(name); err != nil {
			d.FaultAt(at, path, "%v", err)
			return
		}
		project := dependency.Normalize(name)
		if _, twice := c.Packages[project]; twice {
			d.FaultAt(at, path, "%s is given twice: %q is another spelling of it", project, name)
			return
		}
		p := new(Package)
		c.Packages[project] = p
		if value = d.Follow(strictyaml.Join(path, name), value); value != nil && !strictyaml.IsNull(value) {
			d.Mapping(strictyaml.Join(path, name), value, p.fields(d))
		}
	})
}

func (p *Package) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		row("packages", parsed(d, &p.Packages, apk.ParseDependency)),
		row("env", d.Table(&p.Env, checkEnv)),
		row("config_settings", d.Table(&p.Settings, checkSetting)),
		row("patches", d.List(addTo(&p.Patches, checkPath))),
		row("requires", d.List(addTo(&p.Requires, checkRequirement))),
		row("skip", d.Text(setTo(&p.Skip, checkPresent))),
		row("platforms", parsed(d, &p.Platforms, spec.ParsePlatform)),
	}
}

func (l *Limits) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		row("time", d.Text(func(v string) (err error) {
			l.Time, err = time.ParseDuration(v)
			if err != nil || l.Time <= 0 {
				return fmt.Errorf("expected a duration such as 30m or 2h, found %q", v)
			}
			return nil
		})),
		row("memory", d.Text(func(v string) (err error) { l.Memory, err = parseSize(v); return err })),
		row("jobs", d.Integer(&l.Jobs, 1, 1024)),
		row("tries", d.Integer(&l.Tries, 1, 10)),
	}
}

// check reports what is missing.
func (c *Config) check(d *strictyaml.Decoder, top ast.Node) {
	say := func(wrong bool, field, msg string) {
		if wrong {
			d.FaultAt(top, field, "%s", msg)
		}
	}
	w := c.Wanted
	say(len(c.Pythons) == 0, "pythons", "name at least one, as under runtime in a spec: {source: URL or file of a CPython's tarball}")
	say(len(c.Platforms) == 0, "platforms", "name at least one, such as linux/amd64")
	say(len(w.Requirements)+len(w.Locks)+len(w.Packages)+len(w.Sdists) == 0, "wanted", "name what the index is to have: requirements, locks, packages or sdists")
	say(c.Index == "", "index", "name the folder of the index, or oci:HOST/REPOSITORY:TAG")
	b := c.Builder
	roots := 0
	for _, named := range []bool{len(b.Packages) > 0, b.Image != "", b.Folder != ""} {
		if named {
			roots++
		}
	}
	say(roots > 1, "builder", "packages, image and folder exclude each other: name one of them")
}

func sorted(ps []spec.Platform) []spec.Platform {
	slices.SortFunc(ps, func(a, b spec.Platform) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(ps)
}

func addTo(to *[]string, check func(string) error) func(string) error {
	return func(v string) error { *to = append(*to, v); return check(v) }
}

func setTo(to *string, check func(string) error) func(string) error {
	return func(v string) error { *to = v; return check(v) }
}

func checkPresent(v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("expected a text, found nothing")
	}
	return nil
}

func checkPath(v string) error {
	if v == "" || spec.IsURL(v) {
		return fmt.Errorf("expected a file or folder, found %q", v)
	}
	return nil
}

// checkKey takes a file, or env://NAME for a key in a variable.
func checkKey(v string) error {
	if name, ok := strings.CutPrefix(v, "env://"); ok && name != "" {
		return nil
	}
	return checkPath(v)
}

// MaxTag bounds the tag of an index: what failed is under a longer one, and a registry takes 128 characters.
const MaxTag = 120

func checkIndex(v string) error {
	if !registryurl.IsReference(v) {
		return checkPath(v)
	}
	ref, err := registryurl.ParseReference(v)
	if err == nil && (ref.Digest != "" || len(ref.Tag) > MaxTag) {
		err = fmt.Errorf("expected oci:HOST/REPOSITORY:TAG, with a tag of at most %d characters, found %q", MaxTag, v)
	}
	return err
}

func checkSource(v string) error {
	if registryurl.IsReference(v) {
		_, err := registryurl.ParseReference(v)
		return err
	}
	if scheme, _, isURL := strings.Cut(v, "://"); v == "" || isURL && scheme != "http" && scheme != "https" {
		return errors.New("expected a folder, the http or https URL of an index such as https://pypi.org/simple/, or oci:HOST/REPOSITORY:TAG")
	}
	return nil
}

func checkRequirement(v string) error {
	r, err := dependency.ParseRequirement(v)
	if err == nil && r.URL != "" {
		err = fmt.Errorf("%q names a URL; put its sdist into a folder under sources", r.Name)
	}
	return err
}

func checkEnv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "= \t\n\x00") || strings.ContainsRune(value, 0) {
		return fmt.Errorf("expected an environment variable NAME: VALUE, found %q", name)
	}
	return nil
}

func checkSetting(name, _ string) error {
	if name == "" {
		return errors.New("expected a setting NAME: VALUE")
	}
	return nil
}

func parseMount(v string) (Mount, error) {
	at := strings.LastIndex(v, ":")
	if at <= 0 || !path.IsAbs(v[at+1:]) || path.Clean(v[at+1:]) == "/" {
		return Mount{}, fmt.Errorf("expected HOST:PATH, PATH absolute in the builder, found %q", v)
	}
	m := Mount{Host: v[:at], Path: path.Clean(v[at+1:])}
	if m.Path == "/build" || strings.HasPrefix(m.Path, "/build/") {
		return m, errors.New("the builder's folder /build is where sdists are compiled: mount elsewhere")
	}
	return m, nil
}

// parseSize reads a number of bytes such as 512MiB, 4GiB or 4G.
func parseSize(v string) (int64, error) {
	digits := strings.TrimRight(v, "BiKMGTkmgt")
	unit := strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(v[len(digits):], "B"), "i"))
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
	n, err := strconv.ParseInt(digits, 10, 40)
	by, known := shift[unit]
	if err != nil || n <= 0 || !known || digits == v || n > 1<<62>>by { // a number without a unit is almost never meant as bytes
		return 0, fmt.Errorf("expected a size such as 512MiB or 4GiB, found %q", v)
	}
	return n << by, nil
}
