package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// Parse reads a wheels.yaml. name is used in errors.
func Parse(name string, data []byte) (Config, error) {
	c := Config{Name: name, Prebuilt: Use, Packages: make(map[string]*Package), Limits: Limits{Time: defaultTime, Tries: 1}}
	err := spec.ReadYAML(name, data, func(r spec.Reader) []spec.Field { return c.fields(r) }, c.check)
	if err != nil {
		return Config{}, err
	}
	c.Builder.Alpine.FillIn()
	return c, nil
}

func (c *Config) fields(r spec.Reader) []spec.Field {
	return []spec.Field{
		r.Runtimes("pythons", &c.Pythons),
		r.Platforms("platforms", &c.Platforms),
		r.Mapping("wanted", func() []spec.Field { return c.Wanted.fields(r) }),
		r.List("sources", addTo(&c.Sources, checkSource)),
		r.Text("index", setTo(&c.Index, checkPath)),
		r.Text("key", setTo(&c.Key, checkPath)),
		r.Text("prebuilt", setTo(&c.Prebuilt, oneOf(Use, Build))),
		r.Mapping("builder", func() []spec.Field { return c.Builder.fields(r) }),
		r.Each("packages", func(name string) ([]spec.Field, error) { return c.packageFields(r, name) }),
		r.Mapping("limits", func() []spec.Field { return c.Limits.fields(r) }),
	}
}

func (w *Wanted) fields(r spec.Reader) []spec.Field {
	return []spec.Field{
		r.List("requirements", addTo(&w.Requirements, checkPath)),
		r.List("locks", addTo(&w.Locks, checkPath)),
		r.List("packages", addTo(&w.Packages, checkRequirement)),
		r.List("sdists", addTo(&w.Sdists, checkPath)),
	}
}

func (b *Builder) fields(r spec.Reader) []spec.Field {
	return []spec.Field{
		r.Alpine("alpine", &b.Alpine),
		r.Packages("packages", &b.Packages),
		r.Text("image", setTo(&b.Image, checkPresent)),
		r.Text("folder", setTo(&b.Folder, checkPath)),
		r.List("mounts", func(v string) (err error) {
			m, err := parseMount(v)
			b.Mounts = append(b.Mounts, m)
			return err
		}),
		r.Table("env", &b.Env, checkEnv),
	}
}

// packageFields are those of one package. Two spellings of one name are a fault.
func (c *Config) packageFields(r spec.Reader, name string) ([]spec.Field, error) {
	if err := dependency.CheckName(name); err != nil {
		return nil, err
	}
	project := dependency.Normalize(name)
	if _, twice := c.Packages[project]; twice {
		return nil, fmt.Errorf("%s is given twice: %q is another spelling of it", project, name)
	}
	p := new(Package)
	c.Packages[project] = p
	return []spec.Field{
		r.Packages("packages", &p.Packages),
		r.Table("env", &p.Env, checkEnv),
		r.Table("config_settings", &p.Settings, checkSetting),
		r.List("patches", addTo(&p.Patches, checkPath)),
		r.List("requires", addTo(&p.Requires, checkRequirement)),
		r.Text("skip", setTo(&p.Skip, checkPresent)),
		r.Platforms("platforms", &p.Platforms),
	}, nil
}

func (l *Limits) fields(r spec.Reader) []spec.Field {
	return []spec.Field{
		r.Text("time", func(v string) (err error) {
			l.Time, err = time.ParseDuration(v)
			if err != nil || l.Time <= 0 {
				return fmt.Errorf("expected a duration such as 30m or 2h, found %q", v)
			}
			return nil
		}),
		r.Text("memory", func(v string) (err error) { l.Memory, err = parseSize(v); return err }),
		r.Integer("jobs", &l.Jobs, 1, 1024),
		r.Integer("tries", &l.Tries, 1, 10),
	}
}

// check reports what is missing.
func (c *Config) check(r spec.Reader) {
	say := func(wrong bool, field, msg string) {
		if wrong {
			r.Fault(field, msg)
		}
	}
	w := c.Wanted
	say(len(c.Pythons) == 0, "pythons", "name at least one, as under runtime in a spec: {source: URL or file of a CPython's tarball}")
	say(len(c.Platforms) == 0, "platforms", "name at least one, such as linux/amd64")
	say(len(w.Requirements)+len(w.Locks)+len(w.Packages)+len(w.Sdists) == 0, "wanted", "name what the index is to have: requirements, locks, packages or sdists")
	say(c.Index == "", "index", "name the folder of the index, or oci:REF")
	b := c.Builder
	roots := 0
	for _, named := range []bool{len(b.Packages) > 0, b.Image != "", b.Folder != ""} {
		if named {
			roots++
		}
	}
	say(roots > 1, "builder", "packages, image and folder exclude each other: name one of them")
	slices.SortFunc(c.Platforms, func(a, b spec.Platform) int { return strings.Compare(a.String(), b.String()) })
	c.Platforms = slices.Compact(c.Platforms)
}

func addTo(to *[]string, check func(string) error) func(string) error {
	return func(v string) error { *to = append(*to, v); return check(v) }
}

func setTo(to *string, check func(string) error) func(string) error {
	return func(v string) error { *to = v; return check(v) }
}

func oneOf(allowed ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("expected %s, found %q", strings.Join(allowed, " or "), v)
		}
		return nil
	}
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

func checkSource(v string) error {
	if scheme, _, isURL := strings.Cut(v, "://"); v == "" || isURL && scheme != "http" && scheme != "https" {
		return errors.New("expected a folder, or the http or https URL of an index such as https://pypi.org/simple/")
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
	if err != nil || n <= 0 || !known || n > 1<<62>>by {
		return 0, fmt.Errorf("expected a size such as 512MiB or 4GiB, found %q", v)
	}
	return n << by, nil
}
