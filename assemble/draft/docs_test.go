package draft_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedDrafts makes a spec of each Dockerfile in docs/FROM-DOCKERFILE.md and holds it against the spec that follows there.
// Comments do not count.
func TestDocumentedDrafts(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/FROM-DOCKERFILE.md")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile("(?ms)^```dockerfile\n(.*?)^```\n.*?^```yaml\n(.*?)^```\n").FindAllStringSubmatch(string(document), -1)
	projects := [][]string{
		{"requirements.txt", "tornado==6.4.2\n", "app.py", ""},
		{"pyproject.toml", "[project]\nname = \"my-svc\"\nrequires-python = \">=3.12\"\n[project.scripts]\nmy-svc = \"my_svc:main\"\n", "uv.lock", "version = 1\nrequires-python = \">=3.12\"\n[[package]]\nname = \"my-svc\"\nversion = \"1.0\"\nsource = { editable = \".\" }\n", "src/my_svc/__init__.py", ""},
		{"pyproject.toml", "[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n", "poetry.lock", "", "requirements.txt", "uvicorn==0.30.1\n", "shop/__init__.py", "", "shop/main.py", ""},
	}
	if len(pairs) != len(projects) {
		t.Fatalf("the document has %d Dockerfiles with a spec, want %d", len(pairs), len(projects))
	}
	for i, files := range projects {
		_, text, notes := makeSpec(t, folder(append(files, "Dockerfile", pairs[i][1])...))
		if got, want := withoutComments(text), withoutComments(pairs[i][2]); got != want {
			t.Errorf("project %d: the document has\n%s\nand the draft is\n%s", i, want, got)
		}
		if notes != "" {
			t.Errorf("project %d: noted:\n%s", i, notes)
		}
	}
}

// withoutComments is YAML without comments and empty lines.
func withoutComments(text string) string {
	text = regexp.MustCompile(`(?m)(^|\s+)#.*$`).ReplaceAllString(text, "")
	return strings.TrimSpace(regexp.MustCompile(`\n\s*\n+`).ReplaceAllString(text, "\n"))
}
