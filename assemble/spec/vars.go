package spec

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/near"
	"github.com/pyimg/pyimg/internal/strictyaml"
	"github.com/pyimg/pyimg/internal/template"
)

// fieldVars is the name of the field that declares variables.
const fieldVars = "vars"

// reserved are the names in braces that pyimg fills in itself.
func reserved() []string {
	return append([]string{"version", "name"}, platformNames()...)
}

// trusted matches the fields that say whom or what to trust. Variables do not reach them: who may set a version cannot change a key.
func trusted(field string) bool {
	return regexp.MustCompile(`^(alpine\.keys|certificates|extends|vars|(base|runtime)\.require_signature|runtime\.sha256)(\.|$)`).MatchString(field)
}

// plainField is the name of a field without the places of items in lists.
func plainField(path string) string { return regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "") }

// variables fill in the values of a spec. It also makes paths of files that a spec extends relative to the spec's folder.
type variables struct {
	values  map[string]string
	used    map[string]bool
	unknown map[string]ast.Node // names in braces that are not declared, and where they are
	folder  func(ast.Node) string
}

// Value is what a scalar becomes.
func (v *variables) Value(path string, n ast.Node, text string) (string, error) {
	field := plainField(path)
	if strings.Contains(text, "{") && field != fieldVars && !strings.HasPrefix(field, fieldVars+".") {
		names := template.Names(text)
		if i := slices.IndexFunc(names, v.declared); i >= 0 && trusted(field) {
			return "", fmt.Errorf("this field takes no variable, so that --set cannot change what is trusted; write the value of {%s} here", names[i])
		}
		v.note(names, n)
		text = template.Fill(text, func(name string) (string, bool) { value, ok := v.values[name]; return value, ok })
	}
	if v.folder == nil {
		return text, nil
	}
	return moved(field, v.folder(n), text), nil
}

func (v *variables) declared(name string) bool { _, ok := v.values[name]; return ok }

// note remembers which variables are used, and which names look like variables that nobody declares.
func (v *variables) note(names []string, n ast.Node) {
	for _, name := range names {
		if v.declared(name) {
			v.used[name] = true
		} else if v.unknown[name] == nil {
			v.unknown[name] = n
		}
	}
}

// Key refuses a variable in a key.
func (v *variables) Key(key string) error {
	for _, name := range template.Names(key) {
		if v.declared(name) {
			return fmt.Errorf("variables are filled in in values, and {%s} is in a key; write the key itself", name)
		}
	}
	return nil
}

// variables decodes the field vars of a document and puts the values of the command line over its defaults.
func (d decoder) variables(top ast.Node, set map[string]string) *variables {
	v := &variables{values: make(map[string]string), used: make(map[string]bool), unknown: make(map[string]ast.Node)}
	_, list := strictyaml.Find(top, fieldVars)
	var names []string
	before := d.Faults()
	defaults := make(map[string]string)
	if list = d.Follow(fieldVars, list); !strictyaml.IsNull(list) {
		d.Pairs(fieldVars, list, func(name string, at, value ast.Node) {
			names = append(names, name)
			d.variable(name, at, value, set, defaults)
		})
	}
	maps.Copy(v.values, defaults)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(names, name) {
			d.FaultAt(nil, "", "--set %s: %s", name, undeclared(name, names))
			continue
		}
		v.values[name] = set[name]
	}
	if d.Faults() > before {
		return v
	}
	for name, value := range defaults {
		for _, other := range template.Names(value) {
			if v.declared(other) {
				d.FaultAt(list, strictyaml.Join(fieldVars, name), "its value %q names another variable, {%s}; variables do not refer to each other", value, other)
			}
		}
	}
	return v
}

// variable decodes a variable and its default. Without a default the command line must give the value.
func (d decoder) variable(name string, at, value ast.Node, set, defaults map[string]string) {
	field := strictyaml.Join(fieldVars, name)
	switch {
	case !template.IsName(name):
		d.FaultAt(at, field, "expected the name of a variable: a letter or _, then letters, digits and _, at most 64, found %q", name)
		return
	case slices.Contains(reserved(), name):
		d.FaultAt(at, field, "pyimg fills in {%s} itself; choose another name", name)
		return
	}
	value = d.Follow(field, value)
	if _, given := set[name]; strictyaml.IsNull(value) {
		if !given {
			d.FaultAt(at, field, "it has no default, and no value is given; give one with --set %s=VALUE", name)
		}
		return
	}
	d.Text(func(text string) error { defaults[name] = text; return nil })(field, value)
}

// undeclared explains that a name is not declared.
func undeclared(name string, known []string) string {
	if len(known) == 0 {
		return "the spec declares no variables; declare it with vars: {" + name + ": DEFAULT}"
	}
	slices.Sort(known)
	meant := ""
	if n := near.Name(name, known); n != "" {
		meant = fmt.Sprintf("did you mean %s? ", n)
	}
	return fmt.Sprintf("the spec declares no such variable; %sdeclared under vars: %s", meant, strings.Join(known, ", "))
}

// misspelt adds a fault for a name in braces that nobody declares while a variable with a similar name is used nowhere.
func (d decoder) misspelt(v *variables) {
	for name := range v.values {
		if v.used[name] {
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(v.unknown)) {
			if near.Name(other, []string{name}) != "" {
				d.FaultAt(v.unknown[other], "", "{%s} is not declared under vars, and {%s} is used nowhere; is {%s} meant?", other, name, name)
				break
			}
		}
	}
}

// errText is the fault of a spec that is no file and extends others.
var errText = errors.New("only a spec that is read from a file can extend others")
