// Package apko reads the configuration of apko, apko.yaml, as far as it says what is in an image. It carries out nothing, and
// reads no other file. See the apko file format of chainguard-dev/apko.
package apko

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Config is an apko.yaml.
type Config struct {
	Repositories []string
	Keyring      []string
	Packages     []string
	Base         string // contents.baseimage.image
	Archs        []string
	Entrypoint   string // a command line
	Shell        string // a script that is run instead of Entrypoint
	Services     map[string]string
	Cmd          string // a command line
	StopSignal   string
	WorkDir      string
	RunAs        string
	Users        []User
	Groups       []Group
	Environment  map[string]string
	Annotations  map[string]string
	Volumes      []string
	Paths        []Path
	Include      string
	Certificates []Certificate
	Unknown      []Unknown // fields that this package does not know
}

// User is an account. Numbers are as they are written.
type User struct{ Name, UID, GID, Shell, Home string }

// Group is a group of accounts.
type Group struct {
	Name, GID string
	Members   []string
}

// Path is a change to a path of the image.
type Path struct {
	Line                                          int
	Path, Type, UID, GID, Mode, Source, Recursive string
}

// Certificate is one that the image trusts in addition.
type Certificate struct{ Name, Content string }

// Unknown is a field with the line where it is.
type Unknown struct {
	Line  int
	Field string
}

// A reader fills in a Config.
type reader struct {
	*strictyaml.Decoder
	c *Config
}

// Parse reads an apko.yaml. The error is a *strictyaml.Error. Unknown fields are allowed. Errors show name.
func Parse(name string, data []byte) (Config, error) {
	var c Config
	r := reader{strictyaml.New(name, "apko.yaml"), &c}
	if top := r.Parse(data); top != nil {
		r.mapping("", top, r.top())
	}
	if err := r.Err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

type fields map[string]strictyaml.Field

// mapping reads a mapping, and keeps the fields that it does not know.
func (r reader) mapping(path string, n ast.Node, known fields) {
	r.Pairs(path, n, func(key string, at, value ast.Node) {
		name := strictyaml.Join(path, key)
		read, ok := known[key]
		switch value = r.Follow(name, value); {
		case value == nil || strictyaml.IsNull(value):
		case !ok:
			r.c.Unknown = append(r.c.Unknown, Unknown{at.GetToken().Position.Line, name})
		case read != nil:
			read(name, value)
		}
	})
}

func (r reader) within(known fields) strictyaml.Field {
	return func(path string, n ast.Node) { r.mapping(path, n, known) }
}

// each reads a list of mappings.
func (r reader) each(one func() fields) strictyaml.Field {
	return r.Each(func(path string, n ast.Node) { r.mapping(path, n, one()) })
}

func (r reader) list(to *[]string) strictyaml.Field {
	return r.List(func(s string) error { *to = append(*to, s); return nil })
}

func (r reader) table(to *map[string]string) strictyaml.Field {
	return r.Table(to, func(string, string) error { return nil })
}

func (r reader) top() fields {
	c := r.c
	return fields{
		"contents": r.within(fields{
			"repositories": r.list(&c.Repositories), "build_repositories": r.list(&c.Repositories), "runtime_repositories": r.list(&c.Repositories),
			"keyring": r.list(&c.Keyring), "packages": r.list(&c.Packages),
			"baseimage": r.within(fields{"image": r.Str(&c.Base), "apkindex": nil}),
		}),
		"entrypoint": func(path string, n ast.Node) {
			if _, isMapping := n.(*ast.MappingNode); !isMapping {
				r.Str(&c.Entrypoint)(path, n)
				return
			}
			r.mapping(path, n, fields{"command": r.Str(&c.Entrypoint), "shell-fragment": r.lines(&c.Shell), "type": nil, "services": r.table(&c.Services)})
		},
		"cmd": r.Str(&c.Cmd), "stop-signal": r.Str(&c.StopSignal), "work-dir": r.Str(&c.WorkDir),
		"accounts": r.within(fields{"run-as": r.Str(&c.RunAs), "users": r.each(r.user), "groups": r.each(r.group)}),
		"archs":    r.list(&c.Archs), "environment": r.table(&c.Environment), "annotations": r.table(&c.Annotations),
		"volumes": r.list(&c.Volumes), "paths": r.each(r.path), "include": r.Str(&c.Include),
		"certificates": r.within(fields{"additional": r.each(r.certificate), "providers": nil}),
		"vcs-url":      nil, "layering": nil, "format": nil,
	}
}

// lines decodes a text of several lines.
func (r reader) lines(to *string) strictyaml.Field {
	return func(path string, n ast.Node) {
		if literal, ok := n.(*ast.LiteralNode); ok {
			*to = literal.Value.Value
			return
		}
		r.Str(to)(path, n)
	}
}

func (r reader) user() fields {
	r.c.Users = append(r.c.Users, User{})
	u := &r.c.Users[len(r.c.Users)-1]
	return fields{"username": r.Str(&u.Name), "uid": r.Str(&u.UID), "gid": r.Str(&u.GID), "shell": r.Str(&u.Shell), "homedir": r.Str(&u.Home)}
}

func (r reader) group() fields {
	r.c.Groups = append(r.c.Groups, Group{})
	g := &r.c.Groups[len(r.c.Groups)-1]
	return fields{"groupname": r.Str(&g.Name), "gid": r.Str(&g.GID), "members": r.list(&g.Members)}
}

func (r reader) path() fields {
	r.c.Paths = append(r.c.Paths, Path{})
	p := &r.c.Paths[len(r.c.Paths)-1]
	return fields{
		"path": func(path string, n ast.Node) { p.Line = n.GetToken().Position.Line; r.Str(&p.Path)(path, n) },
		"type": r.Str(&p.Type), "uid": r.Str(&p.UID), "gid": r.Str(&p.GID), "permissions": r.Str(&p.Mode),
		"source": r.Str(&p.Source), "recursive": r.Str(&p.Recursive),
	}
}

func (r reader) certificate() fields {
	r.c.Certificates = append(r.c.Certificates, Certificate{})
	c := &r.c.Certificates[len(r.c.Certificates)-1]
	return fields{"name": r.Str(&c.Name), "content": r.lines(&c.Content)}
}
