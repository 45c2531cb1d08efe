package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// checksInCode returns the names of checks, and all texts of the rooms that have checks, in which names also occur that a call gets from
// elsewhere.
func checksInCode(t *testing.T) (named, texts map[string]bool) {
	t.Helper()
	named, texts = make(map[string]bool), make(map[string]bool)
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, room := range []string{"../assemble", "../assemble/check", "../assemble/image", "../assemble/runtime"} {
		paths, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s has no code: %v", room, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, ok := text(n); ok && name.MatchString(text) {
					texts[text] = true
				}
				for _, e := range checkOf(n) {
					if text, ok := text(e); ok && name.MatchString(text) {
						named[text] = true
					}
				}
				return true
			})
		}
	}
	return named, texts
}

// checkOf returns the expressions that name a check in a node: arguments of the functions that make findings, and the field Check.
func checkOf(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Check" {
			return []ast.Expr{n.Value}
		}
	case *ast.CallExpr:
		if callee, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) >= 4 {
			switch callee.Sel.Name {
			case "find":
				return n.Args[1:2]
			case "launchFinding":
				return n.Args[2:3]
			case "Unsound":
				return n.Args[:1]
			}
		}
	}
	return nil
}

func text(n ast.Node) (string, bool) {
	literal, ok := n.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}

// TestEachCheckHasARemedy holds docs/TROUBLESHOOTING.md and docs/VERIFY.md against the checks that there are.
func TestEachCheckHasARemedy(t *testing.T) {
	t.Parallel()
	named, texts := checksInCode(t)
	if len(named) < 35 {
		t.Fatalf("only %d checks were found in the code", len(named))
	}
	remedies := section(documents(t)["../docs/TROUBLESHOOTING.md"], "By check")
	described := documents(t)["../docs/VERIFY.md"]
	listed := make(map[string]bool)
	for line := range strings.Lines(remedies) {
		cells := strings.Split(line, " | ")
		for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cells[0], -1) {
			listed[m[1]] = strings.HasPrefix(line, "| `") && len(cells) == 2
		}
	}
	for check := range named {
		if !listed[check] {
			t.Errorf("docs/TROUBLESHOOTING.md has no remedy for the check %q", check)
		}
		if !strings.Contains(described, "`"+check+"`") {
			t.Errorf("docs/VERIFY.md does not describe the check %q", check)
		}
	}
	for check, isRow := range listed {
		if isRow && !texts[check] {
			t.Errorf("docs/TROUBLESHOOTING.md has the check %q, which does not exist", check)
		}
	}
}

// TestEachExitCodeHasARemedy holds the same page against the exit codes.
func TestEachExitCodeHasARemedy(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("exit/exit.go")
	if err != nil {
		t.Fatal(err)
	}
	table := section(documents(t)["../docs/TROUBLESHOOTING.md"], "By exit code")
	codes := regexp.MustCompile(`(?m)^\t[A-Z]\w+ +Code = (\d+)`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 8 {
		t.Fatalf("only %d exit codes were found", len(codes))
	}
	for _, m := range codes {
		if m[1] != "0" && !regexp.MustCompile(`(?m)^\| `+m[1]+` \| .+ \| .+ \|$`).MatchString(table) {
			t.Errorf("docs/TROUBLESHOOTING.md has no remedy for the exit code %s", m[1])
		}
	}
}
