package draft

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/apko"
	"github.com/pyimg/pyimg/assemble/draft/shell"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/assemble/spec"
)

// readApko takes over what an apko.yaml says.
func (m *maker) readApko(name string) error {
	data, err := m.file(name)
	if err != nil {
		return err
	}
	c, err := apko.Parse(name, data)
	if err != nil {
		return err
	}
	a := apkoReader{m, name, c, strings.Split(string(data), "\n")}
	m.noPython = true
	a.contents()
	a.platforms()
	a.accounts()
	a.paths()
	a.certificates()
	a.configuration()
	a.rest()
	return nil
}

// An apkoReader goes through the configuration of apko.
type apkoReader struct {
	*maker
	name   string
	config apko.Config
	lines  []string
}

// at is the first line that has a text.
func (a apkoReader) at(text string) string {
	for i, line := range a.lines {
		if text != "" && strings.Contains(line, text) {
			return a.name + ":" + strconv.Itoa(i+1)
		}
	}
	return a.name
}

// alpineRepository matches a repository on Alpine's own mirror.
func alpineRepository(url string) (branch, name string, ok bool) {
	m := regexp.MustCompile(`^https?://(?:dl-cdn|dl-\d)\.alpinelinux\.org/alpine/(edge|v\d+\.\d+)/([a-z]+)/?$`).FindStringSubmatch(url)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func (a apkoReader) contents() {
	s := &a.spec
	var names []string
	for _, r := range a.config.Repositories {
		branch, name, ok := alpineRepository(r)
		switch {
		case ok && (s.Branch == "" || s.Branch == branch):
			s.Branch = branch
			names = append(names, name)
		case strings.HasPrefix(r, "@local") || strings.HasPrefix(r, "@") && !strings.Contains(r, " "):
			a.note(a.at(r), r, "it is not written as \"@TAG URL\"", "name it under alpine.repositories")
		default:
			names = append(names, r)
		}
	}
	s.Repositories = slices.Compact(names)
	if len(s.Repositories) == 2 && s.Repositories[0] == "main" && s.Repositories[1] == "community" {
		s.Repositories = nil // the default
	}
	for _, key := range a.config.Keyring {
		switch {
		case strings.Contains(key, "alpinelinux.org/keys/"):
		case spec.IsURL(key):
			a.note(a.at(key), key, "pyimg fetches no keys but Alpine's own, which it knows by their fingerprints",
				"fetch it, compare it with what its owner publishes, keep it next to the spec and name it under alpine.keys")
		default:
			s.Keys = append(s.Keys, key)
		}
	}
	for _, p := range a.config.Packages {
		s.Packages = append(s.Packages, specfile.Item{Value: p})
		a.alpine = a.alpine || p == "python3" || strings.HasPrefix(p, "python3")
	}
	a.listed = true
	if a.config.Base != "" {
		s.Base = map[string]string{"": "oci:" + a.config.Base}
		a.note(a.at(a.config.Base), a.config.Base, "a base of apko has a package index of its own", "see whether the folder is an OCI layout of an image with apk's database")
	}
}

func (a apkoReader) platforms() {
	for _, arch := range a.config.Archs {
		switch arch {
		case "all":
			return
		case "host":
			continue
		}
		p, err := spec.ParsePlatform(arch)
		if err != nil {
			p, err = spec.ParsePlatform("linux/" + arch)
		}
		if err != nil {
			a.note(a.at(arch), arch, "Alpine has no such architecture", "")
			continue
		}
		if !slices.Contains(a.spec.Platforms, p.String()) {
			a.spec.Platforms = append(a.spec.Platforms, p.String())
		}
	}
}

func (a apkoReader) accounts() {
	s := &a.spec
	for _, u := range a.config.Users {
		if u.Name == "" || number(u.UID) == "" {
			a.note(a.at(u.Name), u.Name, "an account needs a name and a number", "")
			continue
		}
		gid := number(u.GID)
		if gid == number(u.UID) && !slices.ContainsFunc(a.config.Groups, func(g apko.Group) bool { return g.GID == u.GID }) {
			gid = "" // the group with the user's name
		}
		s.Users = append(s.Users, specfile.User{Name: u.Name, UID: number(u.UID), GID: gid, Home: u.Home, Shell: u.Shell})
	}
	for _, g := range a.config.Groups {
		s.Groups = append(s.Groups, specfile.Group{Name: g.Name, GID: number(g.GID), Members: g.Members})
	}
	s.Image.User = a.config.RunAs
	for i, u := range s.Users { // as apko: without a gid, a user has the group with its number
		for _, g := range s.Groups {
			if u.GID == "" && g.GID == u.UID && g.Name != u.Name {
				s.Users[i].GID = g.GID
			}
		}
	}
}

// number returns a decimal number without leading zeros, or "" if the text is not one.
func number(text string) string {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// octal returns a mode in the form of a spec, or "" if the text is not a mode.
func octal(text string) string {
	digits := strings.TrimLeft(strings.TrimPrefix(strings.ToLower(text), "0o"), "0")
	if regexp.MustCompile(`^[0-7]{1,4}$`).MatchString(digits) {
		return "0" + digits
	}
	return ""
}

// words splits a command line as apko does.
func words(line string) []string {
	var out []string
	for _, c := range shell.Split(line, nil) {
		if c.Opaque {
			return []string{"/bin/sh", "-c", line}
		}
		out = append(out, c.Words...)
	}
	return out
}

func (a apkoReader) configuration() {
	c, i := a.config, &a.spec.Image
	i.Workdir, i.StopSignal, i.Volumes = c.WorkDir, c.StopSignal, c.Volumes
	switch {
	case c.Shell != "":
		i.Entrypoint = []string{"/bin/sh", "-c", c.Shell}
	case c.Entrypoint != "":
		i.Entrypoint = words(c.Entrypoint)
	}
	i.Cmd = words(c.Cmd)
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if len(c.Services) == 1 && len(i.Entrypoint)+len(i.Cmd) == 0 {
			i.Entrypoint, i.EntrypointWhy = words(c.Services[name]), "the service "+name+", which apko starts through s6"
			continue
		}
		a.note(a.at(name+":"), "entrypoint.services."+name, "a spec has one command, and no supervisor", "add s6 or tini to packages, and start the services from an entry point of your own")
	}
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		if key == "PATH" && c.Environment[key] == "/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin" {
			continue // as pyimg sets it
		}
		i.Env = set(i.Env, key, c.Environment[key])
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		i.Annotations = set(i.Annotations, key, c.Annotations[key])
	}
}

// rest notes what no field of a spec is for.
func (a apkoReader) rest() {
	if a.config.Include != "" {
		a.note(a.at("include:"), "include: "+a.config.Include, "\"pyimg init\" reads one file", "run \"pyimg init --from\" with that file, too, and put both together")
	}
	for _, u := range a.config.Unknown {
		a.note(fmt.Sprintf("%s:%d", a.name, u.Line), u.Field, "this field is not known here", "")
	}
}
