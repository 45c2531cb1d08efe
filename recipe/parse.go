package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Format is the version of the format that this package reads.
const Format = 1

// Parse reads a recipe. name is used in errors, dir has its files. The error has all faults, see strictyaml.Error.
func Parse(name string, data []byte, dir fs.FS) (Recipe, error) { return parse(name, data, dir, 0) }

// maxLike bounds how many recipes a recipe is built on, so that a circle ends.
const maxLike = 8

func parse(name string, data []byte, dir fs.FS, depth int) (Recipe, error) {
	r := Recipe{File: name, Text: data, Revision: 1, dir: dir}
	d := strictyaml.New(name, "recipe")
	p := parser{d}
	top := d.Parse(data)
	if top != nil {
		d.Mapping("", top, p.recipe(&r))
	}
	if err := d.Err(); err != nil {
		return Recipe{}, err
	}
	if r.Like != "" {
		if depth == maxLike {
			return Recipe{}, fmt.Errorf("%s: like: more than %d recipes are like each other", name, maxLike)
		}
		text, err := fs.ReadFile(dir, r.Like)
		if err != nil {
			return Recipe{}, fmt.Errorf("%s: like: %w", name, err)
		}
		base, err := parse(path.Base(r.Like), text, dir, depth+1)
		if err != nil {
			return Recipe{}, err
		}
		r = r.over(base)
	}
	p.complete(r, top)
	if err := d.Err(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

type parser struct{ *strictyaml.Decoder }

func row(name string, read strictyaml.Field) strictyaml.Row {
	return strictyaml.Row{Name: name, Read: read}
}

func (p parser) recipe(r *Recipe) strictyaml.Fields {
	var format int
	return strictyaml.Fields{
		row("format", p.Integer(&format, Format, Format)),
		row("like", p.localFile(&r.Like)),
		row("name", p.matching(&r.Name, nameForm, "a name in small letters")),
		row("version", p.matching(&r.Version, versionForm, "a version such as 3.13.5")),
		row("revision", p.Integer(&r.Revision, 1, 1_000_000)),
		row("about", p.Lines(&r.About)),
		row("sources", p.Each(each(p, &r.Sources, p.source))),
		row("holds", p.Each(each(p, &r.Holds, p.component))),
		row("builder", p.Within(func() strictyaml.Fields {
			return strictyaml.Fields{row("packages", p.items(&r.Packages)), row("tools", p.words(&r.Tools))}
		})),
		row("needs", p.words(&r.Needs)),
		row("options", p.options(&r.Options)),
		row("files", p.List(p.local(&r.Files))),
		row("variables", p.variables(&r.Variables)),
		row("steps", p.Each(each(p, &r.Steps, p.step))),
	}
}

// each decodes one mapping of a list.
func each[T any](p parser, to *[]T, fields func(*T) strictyaml.Fields) strictyaml.Field {
	return func(at string, n ast.Node) {
		var v T
		p.Mapping(at, n, fields(&v))
		*to = append(*to, v)
	}
}

// The forms of texts are compiled when the first recipe is read: most commands read none, and every start would pay for it.
//
//nolint:gochecknoglobals // what they return follows from the expressions alone
var (
	nameForm    = compiled(`^[a-z][a-z0-9-]{0,63}$`)
	versionForm = compiled(`^[0-9][0-9A-Za-z.+-]{0,63}$`)
	digestForm  = compiled(`^[0-9a-f]{64}$`)
	variable    = compiled(`^[A-Z][A-Z0-9_]{0,63}$`)
)

// compiled returns a function that compiles an expression at its first call.
func compiled(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func (p parser) matching(to *string, form func() *regexp.Regexp, what string) strictyaml.Field {
	return p.Text(func(v string) error {
		if *to = v; !form().MatchString(v) {
			return fmt.Errorf("expected %s, found %q", what, v)
		}
		return nil
	})
}

func (p parser) words(to *[]string) strictyaml.Field {
	return p.List(func(v string) error {
		if *to = append(*to, v); strings.TrimSpace(v) == "" {
			return errors.New("expected a name, found nothing")
		}
		return nil
	})
}

// local checks a path below the recipe's folder.
func (p parser) local(to *[]string) func(string) error {
	return func(v string) error {
		if *to = append(*to, v); !fs.ValidPath(v) || v == "." {
			return fmt.Errorf("expected a file or folder next to the recipe, found %q", v)
		}
		return nil
	}
}

func (p parser) localFile(to *string) strictyaml.Field {
	return p.Text(func(v string) error {
		var checked []string
		*to = v
		return p.local(&checked)(v)
	})
}

func (p parser) address(to *string) strictyaml.Field {
	return p.Text(func(v string) error {
		*to = v
		if u, err := url.Parse(v); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return fmt.Errorf("expected an http or https URL, found %q", v)
		}
		return nil
	})
}

func (p parser) component(c *Component) strictyaml.Fields {
	return strictyaml.Fields{
		row("name", p.matching(&c.Name, nameForm, "a name in small letters")),
		row("version", p.matching(&c.Version, versionForm, "a version such as 3.13.5")),
		row("license", p.Str(&c.License)), row("purl", p.Str(&c.PURL)), row("cpe", p.Str(&c.CPE)),
	}
}

func (p parser) source(s *Source) strictyaml.Fields {
	return append(p.component(&s.Component),
		row("file", p.fileName(&s.File)),
		row("url", p.address(&s.URL)),
		row("sha256", p.matching(&s.SHA256, digestForm, "64 hexadecimal digits")),
		row("same", p.Each(each(p, &s.Same, func(a *Archive) strictyaml.Fields {
			return strictyaml.Fields{row("file", p.fileName(&a.File)), row("sha256", p.matching(&a.SHA256, digestForm, "64 hexadecimal digits"))}
		}))),
		row("sigstore", p.address(&s.Sigstore)), row("signer", p.Str(&s.Signer)), row("issuer", p.Str(&s.Issuer)),
		row("signature", p.address(&s.Signature)),
		row("folder", p.fileName(&s.Folder)),
		row("patches", p.List(p.local(&s.Patches))),
		row("when", p.when(&s.When)))
}

func (p parser) fileName(to *string) strictyaml.Field {
	return p.Text(func(v string) error {
		if *to = v; v == "" || v != path.Base(v) || strings.HasPrefix(v, ".") || strings.ContainsAny(v, "'\\ \t") {
			return fmt.Errorf("expected a name without a folder, found %q", v)
		}
		return nil
	})
}

func (p parser) when(w *When) strictyaml.Field {
	return p.Within(func() strictyaml.Fields {
		return strictyaml.Fields{
			row("profile", p.OneOf(&w.Profile, Speed, Memory)), row("allocator", p.OneOf(&w.Allocator, Jemalloc, None)),
			row("build", p.OneOf(&w.Build, "native", "cross")), row("march", p.OneOf(&w.March, "given", "none")),
			row("machine", p.Str(&w.Machine)), row("profile-data", p.OneOf(&w.ProfileData, "given", "none")),
			row("option", p.Str(&w.Option)), row("without", p.Str(&w.Without)),
		}
	})
}

// items is a list of words, or of {add: WORDS, when: ...}.
func (p parser) items(to *[]Item) strictyaml.Field {
	one := func(at string, n ast.Node) {
		var i Item
		if _, mapping := n.(*ast.MappingNode); mapping {
			p.Mapping(at, n, strictyaml.Fields{row("add", p.Str(&i.Text)), row("when", p.when(&i.When))})
		} else {
			p.Str(&i.Text)(at, n)
		}
		*to = append(*to, i)
	}
	return p.Each(one)
}

func (p parser) options(to *[]Option) strictyaml.Field {
	return func(at string, n ast.Node) {
		p.Pairs(at, n, func(name string, key, value ast.Node) {
			o := Option{Name: name}
			if !nameForm().MatchString(name) {
				p.FaultAt(key, at, "expected the name of an option in small letters, found %q", name)
			}
			if value = p.Follow(strictyaml.Join(at, name), value); value != nil {
				p.Str(&o.About)(strictyaml.Join(at, name), value)
			}
			*to = append(*to, o)
		})
	}
}

func (p parser) variables(to *[]Variable) strictyaml.Field {
	return func(at string, n ast.Node) {
		p.Pairs(at, n, func(name string, key, value ast.Node) {
			v := Variable{Name: name}
			if !variable().MatchString(name) {
				p.FaultAt(key, at, "expected the name of a variable in capital letters, found %q", name)
			}
			if value = p.Follow(strictyaml.Join(at, name), value); value != nil && !strictyaml.IsNull(value) {
				p.items(&v.Items)(strictyaml.Join(at, name), value)
			}
			*to = append(*to, v)
		})
	}
}

func (p parser) step(s *Step) strictyaml.Fields {
	return strictyaml.Fields{
		row("name", p.Str(&s.Name)), row("in", p.fileName(&s.Folder)), row("run", p.Lines(&s.Run)), row("when", p.when(&s.When)),
	}
}

// complete reports what is missing, and names that nothing defines.
func (p parser) complete(r Recipe, top ast.Node) {
	say := func(wrong bool, field, format string, args ...any) {
		if wrong {
			p.FaultAt(top, field, format, args...)
		}
	}
	say(r.Name == "", "name", "name what is built, such as cpython")
	say(r.Version == "", "version", "name its version")
	say(len(r.Sources) == 0, "sources", "name at least one source")
	say(len(r.Steps) == 0, "steps", "name at least one step")
	folders := make(map[string]bool)
	for i, s := range r.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		say(s.Name == "" || s.Version == "", at, "a source has a name and a version")
		say(s.URL == "" || s.SHA256 == "" || s.File == "" || s.Folder == "", at, "a source has file, url, sha256 and folder")
		say(folders[s.Folder], at, "two sources have the folder %q", s.Folder)
		say(reserved(s.Folder), at, "the folder %q is the build's own", s.Folder)
		folders[s.Folder] = true
	}
	for i, s := range r.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		say(s.Name == "" || strings.TrimSpace(s.Run) == "", at, "a step has a name and what it runs")
		say(s.Folder != "" && !folders[s.Folder], at, "no source has the folder %q", s.Folder)
	}
	p.knownOptions(r, say)
}

// reserved reports whether a folder below $SRC is the build's.
func reserved(folder string) bool {
	return folder == "in" || folder == "files" || folder == "out" || folder == "deps" || folder == "tmp" || folder == "profile"
}

// knownOptions refuses conditions on options that the recipe does not list: a build could never ask for them.
func (p parser) knownOptions(r Recipe, say func(bool, string, string, ...any)) {
	known := make(map[string]bool)
	for _, o := range r.Options {
		known[o.Name] = true
	}
	r.knows(func(w When) bool {
		for _, name := range []string{w.Option, w.Without} {
			say(name != "" && !known[name], "options", "a condition names the option %q, which is not listed", name)
		}
		return false
	})
	for _, item := range r.Packages {
		say(item.When.Option != "" && !known[item.When.Option], "options", "a condition names the option %q, which is not listed", item.When.Option)
	}
}
