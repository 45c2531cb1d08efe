package pyproject_test

import (
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/draft/pyproject"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want pyproject.Project
	}{
		{"[project]\nname='a'\nrequires-python='>=3.11'\ndependencies=['b>1']\nscripts={z='a:z', m='a:m'}\n[[tool.uv.index]]\nurl='https://i'\n",
			pyproject.Project{Name: "a", Python: ">=3.11", Dependencies: []string{"b>1"}, Scripts: []pyproject.Script{{Name: "m", Entry: "a:m"}, {Name: "z", Entry: "a:z"}}, Indexes: []pyproject.Index{{URL: "https://i"}}}},
		{"[tool.poetry]\nname='p'\n[tool.poetry.dependencies]\npython='^3.12'\nx={version='^1', extras=['y']}\ng={git='u'}\n[tool.poetry.scripts]\nc='p:c'\n[[tool.poetry.source]]\nurl='https://s'\n",
			pyproject.Project{Name: "p", Python: "^3.12", Dependencies: []string{"g", "x ^1"}, Scripts: []pyproject.Script{{Name: "c", Entry: "p:c"}}, Indexes: []pyproject.Index{{URL: "https://s", Role: pyproject.Primary}}, Poetry: true}},
		{"[build-system]\nrequires=[]\n", pyproject.Project{}},
	} {
		got, err := pyproject.Parse([]byte(test.text))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("Parse(%q): %v (-want +got):\n%s", test.text, err, diff)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"[project": "line 1", "[project]\nname = 1": "line 2", strings.Repeat(" ", pyproject.MaxBytes+1): "at most"} {
		if _, err := pyproject.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.20q): %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("[project]\nname='a'\n[tool.poetry.dependencies]\nx={version=1}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = pyproject.Parse(data) })
}

// Poetry's own form of dependencies is read, too.
func Example() {
	p, err := pyproject.Parse([]byte("[tool.poetry]\nname = 'service'\n[tool.poetry.dependencies]\npython = '^3.12'\nhttpx = '0.27.0'\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Name, p.Python, p.Dependencies)
	// Output: service ^3.12 [httpx 0.27.0]
}
