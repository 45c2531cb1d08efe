package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// documents returns the text of each document that users read, by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../docs/*.md")
	if err != nil || len(paths) < 10 {
		t.Fatalf("only %d documents in docs, %v", len(paths), err)
	}
	examples, err := filepath.Glob("../examples/*/README.md")
	if err != nil || len(examples) < 5 {
		t.Fatalf("only %d documents of examples, %v", len(examples), err)
	}
	texts := make(map[string]string)
	for _, path := range append(append(paths, examples...), "../README.md", "../examples/README.md") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(data)
	}
	return texts
}

// withoutCode leaves out blocks of code between fences, which have comments that look like headings.
func withoutCode(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
}

// anchors returns the names that a page on GitHub gives the headings of a document.
func anchors(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(withoutCode(text), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return names
}

// TestLinksLeadSomewhere follows each relative link of the documents, to its heading.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	texts, found := documents(t), 0
	for from, text := range texts {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(withoutCode(text), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			found++
			to := filepath.Join(filepath.Dir(from), path)
			if path == "" {
				to = from
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %q leads nowhere: %v", from, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(texts[to]), anchor) {
				t.Errorf("%s: %q: %s has no such heading", from, m[1], to)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d links were found", found)
	}
}

// TestExamplesAreListed: the page of the examples leads to each of them.
func TestExamplesAreListed(t *testing.T) {
	t.Parallel()
	folders, err := os.ReadDir("../examples")
	if err != nil {
		t.Fatal(err)
	}
	page := documents(t)["../examples/README.md"]
	for _, folder := range folders {
		if folder.IsDir() && !strings.Contains(page, "| ["+folder.Name()+"]("+folder.Name()+") | ") {
			t.Errorf("examples/README.md does not list %s", folder.Name())
		}
	}
}

// fieldsOf returns the names in the tables of fields of a package, by the function that has the table.
func fieldsOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string][]string)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				addRows(tables, function(f), f.Body)
			}
		}
	}
	return tables
}

// function returns TYPE.NAME of a method of TYPE, and NAME of a function.
func function(f *ast.FuncDecl) string {
	if f.Recv != nil {
		if pointer, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
			if name, ok := pointer.X.(*ast.Ident); ok {
				return name.Name + "." + f.Name.Name
			}
		}
	}
	return f.Name.Name
}

func addRows(tables map[string][]string, name string, body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
			callee, isName := call.Fun.(*ast.Ident)
			literal, isText := call.Args[0].(*ast.BasicLit)
			if isName && callee.Name == "row" && isText {
				if field, err := strconv.Unquote(literal.Value); err == nil {
					tables[name] = append(tables[name], field)
				}
			}
		}
		return true
	})
}

// section returns what a document says under a heading of the second level; all of it for "".
func section(text, heading string) string {
	if heading == "" {
		return text
	}
	_, after, _ := strings.Cut(text, "\n## "+heading+"\n")
	text, _, _ = strings.Cut(after, "\n## ")
	return text
}

// TestFieldsAreDescribed looks up each field that a spec and a wheels.yaml may have in the document that describes them.
func TestFieldsAreDescribed(t *testing.T) {
	t.Parallel()
	// The place of each table: the heading, and what is put before a name. Where nothing is, the name alone is described.
	type place struct{ heading, prefix string }
	for _, of := range []struct {
		dir, document string
		places        map[string]place
	}{
		{"../assemble/spec", "../docs/SPEC.md", map[string]place{
			"specFields": {}, "alpineFields": {"", "alpine."}, "imageFields": {"", "image."}, "layerFields": {"", "layers."},
			"accountFields": {"", "accounts."}, "runtimeFields": {"runtime", ""}, "allocatorFields": {"allocator", ""},
			"pythonFields": {"python", ""}, "fileFields": {"files and dirs", ""}, "dirFields": {"files and dirs", ""}, "pathFields": {"paths", ""},
			"userFields": {"accounts", ""}, "groupFields": {"accounts", ""}, "healthcheckFields": {"image.healthcheck", ""},
		}},
		{"../assemble/spec", "../docs/BASE.md", map[string]place{"baseFields": {}}},
		{"../wheels/config", "../docs/WHEELS.md", map[string]place{
			"Config.fields": {"wheels.yaml", ""}, "Wanted.fields": {"wheels.yaml", "wanted."}, "Builder.fields": {"wheels.yaml", "builder."},
			"Package.fields": {"wheels.yaml", "packages.NAME."}, "Limits.fields": {"wheels.yaml", ""},
		}},
	} {
		tables, text := fieldsOf(t, of.dir), documents(t)[of.document]
		for name, at := range of.places {
			if len(tables[name]) == 0 {
				t.Errorf("%s: no table of fields in %s", of.dir, name)
			}
			for _, field := range tables[name] {
				if !describes(section(text, at.heading), at.prefix, field) {
					t.Errorf("%s: under %q nothing describes the field %q of %s", of.document, at.heading, at.prefix+field, name)
				}
			}
		}
		for name := range tables {
			if _, placed := of.places[name]; !placed && name != "baseFields" && of.document != "../docs/BASE.md" {
				t.Errorf("%s: this test does not know where %s describes the fields of %s", of.dir, of.document, name)
			}
		}
	}
}

// describes reports whether a text has a field as code, `field`, its full name, or `.field` in a row that begins with another
// one of the same prefix. A field of several parts, such as `image`, is described by its parts; a field in an example, by its key.
func describes(text, prefix, field string) bool {
	full := regexp.QuoteMeta(prefix + field)
	if regexp.MustCompile("(?m)`" + full + "(\\.[\\w.]+)?`|[{ ]" + full + ": ").MatchString(text) {
		return true
	}
	return prefix != "" && regexp.MustCompile("(?m)^\\| `"+regexp.QuoteMeta(prefix)+"[^|]*, `\\."+regexp.QuoteMeta(field)+"`").MatchString(text)
}

// TestLibraryNamesWhatExists looks up each name of a package in the code of docs/LIBRARY.md.
func TestLibraryNamesWhatExists(t *testing.T) {
	t.Parallel()
	rooms := map[string]string{"spec": "../assemble/spec", "layers": "../layers", "input": "../assemble/input", "assemble": "../assemble", "lock": "../assemble/lock", "push": "../push"}
	found := 0
	for _, block := range regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindAllStringSubmatch(documents(t)["../docs/LIBRARY.md"], -1) {
		for _, m := range regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`).FindAllStringSubmatch(block[1], -1) {
			found++
			if room, known := rooms[m[1]]; known && !declares(t, room, m[2]) {
				t.Errorf("docs/LIBRARY.md has %s, which %s does not declare", m[0], room)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d names were found", found)
	}
}

// declares reports whether a package has an exported function, type, variable or constant.
func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^(func|type|var|const) ` + name + `\b`)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, "_test.go") && declaration.Match(data) {
			return true
		}
	}
	return false
}
