package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCommandsDoNotReferToEachOther keeps each command to its file, which app.go alone refers to: what several commands need is in
// run.go, in a small file next to it, or in a package below internal.
func TestCommandsDoNotReferToEachOther(t *testing.T) {
	t.Parallel()
	files := map[string]*ast.File{}
	declared, commands := map[string]string{}, map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
		for declaration := range f.Scope.Objects {
			declared[declaration] = name
			if strings.HasSuffix(declaration, "Command") && name != "app.go" {
				commands[name] = true
			}
		}
	}
	if len(commands) < 20 {
		t.Errorf("only %d files with a command were found", len(commands))
	}
	for name, f := range files {
		for _, used := range f.Unresolved {
			of := declared[used.Name]
			if of != name && (commands[of] && name != "app.go" || slices.Contains([]string{"app.go", "main.go"}, of) && name != "main.go") {
				t.Errorf("%s refers to %s, which is in %s", name, used.Name, of)
			}
		}
	}
}
