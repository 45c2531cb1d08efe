package recipe

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Recipe is how one version of a runtime is built.
type Recipe struct {
	File     string // its name, for messages
	Text     []byte // the file itself
	Like     string // the recipe that it is but for what it says itself, next to it; "" if it is complete
	Base     []byte // the texts of the recipes that it is like
	Name     string // cpython
	Version  string // 3.13.5
	Revision int    // of the recipe, from 1
	About    string

	Sources   []Source
	Holds     []Component // what the sources bring with them
	Packages  []Item      // of Alpine, in the builder
	Tools     []string    // programs that the builder must have
	Needs     []string    // libraries of the system that the result is linked with, as so:NAME
	Options   []Option
	Files     []string // next to the recipe, below $FILES in the builder
	Variables []Variable
	Steps     []Step

	dir fs.FS // where Files are
}

// Source is an archive that is unpacked into a folder of the builder.
type Source struct {
	Component
	File      string // the archive's name
	URL       string
	SHA256    string
	Same      []Archive // archives of others with the same content, such as a distribution's
	Sigstore  string    // URL of the publisher's signature (a sigstore bundle), for who checks it with cosign
	Signer    string    // who must have signed
	Issuer    string    // who vouches for the signer's name
	Signature string    // URL of a PGP signature
	Folder    string    // below $SRC
	Patches   []string  // next to the recipe
	When      When
}

// An Archive is a file that is taken in place of a source.
type Archive struct{ File, SHA256 string }

// A Component is what a bill of materials says of a part of the result.
type Component struct{ Name, Version, License, PURL, CPE string }

// An Option is something that a build may add, such as "tail-call".
type Option struct{ Name, About string }

// A Variable is an environment variable of all steps: its items, joined by spaces.
type Variable struct {
	Name  string
	Items []Item
}

// An Item is words that hold for some builds.
type Item struct {
	Text string
	When When
}

// A Step is a shell script, run in a folder below $SRC.
type Step struct {
	Name, Folder, Run string
	When              When
}

// Choice is what a build is asked for.
type Choice struct {
	Machine     string // as Alpine names it: x86_64, aarch64
	Builder     string // the machine that the builder is for
	Profile     string // speed or memory
	March       string // -march of the compiler; "" is the compiler's own
	Allocator   string // jemalloc or none
	Options     []string
	ProfileData bool // a profile is given, and nothing is trained
}

// What profiles and allocators there are.
const (
	Speed    = "speed"
	Memory   = "memory"
	Jemalloc = "jemalloc"
	None     = "none"
)

// Cross reports whether the builder's machine cannot run the result.
func (c Choice) Cross() bool { return c.Machine != c.Builder }

// When is a condition: each field that is set must fit.
type When struct {
	Profile, Allocator string
	Build              string // native or cross
	March              string // given or none
	Machine            string
	ProfileData        string // given or none
	Option             string
	Without            string // an option that is not asked for
}

// Holds reports whether the condition fits.
func (w When) Holds(c Choice) bool {
	given := map[bool]string{true: "given", false: "none"}
	for _, f := range [][2]string{
		{w.Profile, c.Profile}, {w.Allocator, c.Allocator}, {w.Build, map[bool]string{true: "cross", false: "native"}[c.Cross()]},
		{w.March, given[c.March != ""]}, {w.Machine, c.Machine}, {w.ProfileData, given[c.ProfileData]},
	} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	return (w.Option == "" || slices.Contains(c.Options, w.Option)) && (w.Without == "" || !slices.Contains(c.Options, w.Without))
}

// Check refuses a choice that the recipe does not know.
func (r Recipe) Check(c Choice) error {
	if c.Profile != Speed && c.Profile != Memory {
		return fmt.Errorf("expected the profile %s or %s, found %q", Speed, Memory, c.Profile)
	}
	if c.Allocator != None && !r.knows(func(w When) bool { return w.Allocator == c.Allocator }) {
		return fmt.Errorf("%s %s has no allocator %q", r.Name, r.Version, c.Allocator)
	}
	for _, o := range c.Options {
		if !slices.ContainsFunc(r.Options, func(known Option) bool { return known.Name == o }) {
			return fmt.Errorf("%s %s has no option %q; it has %s", r.Name, r.Version, o, r.optionNames())
		}
	}
	if strings.ContainsAny(c.March, " \t\n'\"\\$`;&|<>()") {
		return fmt.Errorf("expected the name of a machine for -march, such as x86-64-v3, found %q", c.March)
	}
	return nil
}

func (r Recipe) optionNames() string {
	if len(r.Options) == 0 {
		return "none"
	}
	names := make([]string, len(r.Options))
	for i, o := range r.Options {
		names[i] = o.Name
	}
	return strings.Join(names, ", ")
}

// knows reports whether a condition of the recipe does something.
func (r Recipe) knows(is func(When) bool) bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return is(s.When) }) || slices.ContainsFunc(r.Sources, func(s Source) bool { return is(s.When) }) ||
		slices.ContainsFunc(r.Variables, func(v Variable) bool { return slices.ContainsFunc(v.Items, func(i Item) bool { return is(i.When) }) })
}

// Trains reports whether the build makes a profile.
func (r Recipe) Trains(c Choice) bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return s.When.ProfileData == "none" && s.When.Holds(c) })
}

// For is the recipe of one choice: what does not hold is left out, and every condition with it.
func (r Recipe) For(c Choice) Recipe {
	r.Sources = slices.DeleteFunc(slices.Clone(r.Sources), func(s Source) bool { return !s.When.Holds(c) })
	r.Steps = slices.DeleteFunc(slices.Clone(r.Steps), func(s Step) bool { return !s.When.Holds(c) })
	r.Packages = itemsFor(r.Packages, c)
	r.Variables = slices.Clone(r.Variables)
	for i := range r.Variables {
		r.Variables[i].Items = itemsFor(r.Variables[i].Items, c)
	}
	return r
}

func itemsFor(items []Item, c Choice) []Item {
	var out []Item
	for _, i := range items {
		if i.When.Holds(c) {
			out = append(out, Item{Text: i.Text})
		}
	}
	return out
}

// Environment is the variables of all steps of a recipe that [Recipe.For] returned, NAME=VALUE. {march}, {version}, {series} (3.13),
// {machine}, {host} and {build} (x86_64-alpine-linux-musl) are filled in.
func (r Recipe) Environment(c Choice) []string {
	series := r.Version
	if parts := strings.SplitN(r.Version, ".", 3); len(parts) == 3 {
		series = parts[0] + "." + parts[1]
	}
	fill := strings.NewReplacer("{march}", c.March, "{version}", r.Version, "{series}", series, "{machine}", c.Machine,
		"{host}", c.Machine+"-alpine-linux-musl", "{build}", c.Builder+"-alpine-linux-musl")
	env := []string{"NAME=" + r.Name, "VERSION=" + r.Version, "SERIES=" + series}
	for _, v := range r.Variables {
		words := make([]string, len(v.Items))
		for i, item := range v.Items {
			words[i] = fill.Replace(item.Text)
		}
		env = append(env, v.Name+"="+strings.Join(words, " "))
	}
	return env
}

// Dir is where the recipe's files and patches are.
func (r Recipe) Dir() fs.FS { return r.dir }
