package results_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/benchmark/results"
)

func sample() results.Results {
	row := func(name string, scale float64) results.Row {
		r := results.Row{Name: name, Loops: 16}
		for round := 1; round <= 3; round++ {
			r.Runs = append(r.Runs, results.Run{Round: round, CPU: []float64{scale * float64(round), scale * 2}, Wall: scale * 3, Peak: 12 << 20})
		}
		return r
	}
	return results.Results{
		Machine: results.Machine{CPU: "A processor", CPUs: 2, Platform: "linux/amd64", Date: "2026-01-02T03:04:05Z", LoadBefore: []float64{0.5, 1, 2}, LoadAfter: []float64{1, 1, 2}, Version: "v1"},
		Subjects: []results.Subject{
			{Name: "old", Source: "old.tar.gz", Python: "3.13.5", Rows: []results.Row{row("calls", 0.01), row("json", 0.1)}},
			{Name: "new", Source: "new.tar.gz", Python: "3.13.6", Rows: []results.Row{row("calls", 0.005), row("json", 0.05)}},
		},
		Control: []results.Row{row("calls", 0.01), row("json", 0.1)},
		LeftOut: []results.LeftOut{{Name: "xml", Reason: "new: no module"}},
	}
}

// TestRoundTrip writes results and reads them again, all in one file and each in its own.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := sample()
	text, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := results.Parse("file", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all in one file (-want +got):\n%s", diff)
	}
	var parts []results.Results
	for i := range want.Subjects {
		text, err := want.Only(i).JSON()
		if err != nil {
			t.Fatal(err)
		}
		part, err := results.Parse("file", text)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	got = results.Join([]string{"a.json", "b.json"}, parts)
	got.LeftOut = got.LeftOut[:1] // each file has it
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("each in its own file (-want +got):\n%s", diff)
	}
}

// TestIsPyperfs checks what pyperf's loader demands: its version, a name for each benchmark that no other one has, positive values,
// and metadata that are no empty texts.
func TestIsPyperfs(t *testing.T) {
	t.Parallel()
	text, err := sample().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Version    string         `json:"version"`
		Metadata   map[string]any `json:"metadata"`
		Benchmarks []struct {
			Metadata map[string]any `json:"metadata"`
			Runs     []struct {
				Values   []float64      `json:"values"`
				Metadata map[string]any `json:"metadata"`
			} `json:"runs"`
		} `json:"benchmarks"`
	}
	if err := json.Unmarshal(text, &suite); err != nil || suite.Version != "1.0" || len(suite.Benchmarks) != 4 || suite.Metadata["unit"] != "second" {
		t.Fatalf("the suite is %+v, %v", suite, err)
	}
	names := make(map[any]bool)
	for _, b := range suite.Benchmarks {
		if names[b.Metadata["name"]] || b.Metadata["name"] == "" || len(b.Runs) != 3 {
			t.Errorf("the benchmark %v is there twice, has no name, or %d runs", b.Metadata["name"], len(b.Runs))
		}
		names[b.Metadata["name"]] = true
		for _, m := range []map[string]any{suite.Metadata, b.Metadata, b.Runs[0].Metadata} {
			for k, v := range m {
				if s, ok := v.(string); ok && (strings.TrimSpace(s) != s || s == "" || strings.Contains(s, "\n")) {
					t.Errorf("the metadata %s is %q", k, s)
				}
			}
		}
	}
	if !names["calls (old)"] || !names["json (new)"] {
		t.Errorf("the names are %v", names)
	}
}

// byPyperf is a file as pyperf itself writes it: a run that found out the loops, warm-ups, and the name with the runs.
const byPyperf = `{"version": "1.0", "metadata": {"cpu_count": 8, "cpu_model_name": "CPU", "unit": "second", "python_version": "3.13.5 (64-bit)"},
"benchmarks": [{"runs": [
 {"warmups": [[1, 0.1]], "metadata": {"calibrate_loops": 4, "name": "nbody", "loops": 4}},
 {"warmups": [[4, 0.1]], "values": [0.11, 0.12], "metadata": {"name": "nbody", "loops": 4, "mem_max_rss": 1000}}]}]}`

func TestReadsPyperfsOwn(t *testing.T) {
	t.Parallel()
	got, err := results.Parse("mine", []byte(byPyperf))
	if err != nil {
		t.Fatal(err)
	}
	want := results.Results{Machine: results.Machine{CPU: "CPU", CPUs: 8}, Subjects: []results.Subject{{Name: "mine", Python: "3.13.5 (64-bit)",
		Rows: []results.Row{{Name: "nbody", Loops: 4, Runs: []results.Run{{CPU: []float64{0.11, 0.12}, Peak: 1000}}}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	change := func(old, to string) string { return strings.Replace(byPyperf, old, to, 1) }
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "x", "a list": "[]", "no version": "{}", "an old version": change(`"1.0"`, "6"), "no benchmarks": `{"version": "1.0", "benchmarks": []}`,
		"bytes":           change(`"second"`, `"byte"`),
		"no name":         strings.ReplaceAll(byPyperf, `"name": "nbody"`, `"x": "y"`),
		"no values":       change(`"values": [0.11, 0.12], `, ""),
		"a value of 0":    change("0.11", "0"),
		"a huge value":    change("0.11", "1e200"),
		"a text as value": change("0.11", `"x"`),
		"twice":           change(`"benchmarks": [`, `"benchmarks": [{"runs": [{"values": [1], "metadata": {"name": "nbody"}}]},`),
		"without rows":    change(`"version"`, `"pyimg": {"subjects": [{"name": "ghost"}]}, "version"`),
		"bad control":     change(`"version"`, `"pyimg": {"control": [{"runs": []}]}, "version"`),
		"deep":            strings.Repeat("[", 100_000),
	} {
		if got, err := results.Parse("f", []byte(text)); err == nil {
			t.Errorf("%s: Parse = %+v without an error", name, got)
		}
	}
	got, err := results.Parse("f\x1b[2J", []byte(change("nbody", `n\u001b[31m`+strings.Repeat("y", 5000))))
	if err != nil {
		got, err = results.Parse("f\x1b[2J", []byte(strings.ReplaceAll(byPyperf, "nbody", `n\u001b[31m`+strings.Repeat("y", 5000))))
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%s %s", got.Subjects[0].Name, got.Subjects[0].Rows[0].Name); strings.ContainsAny(text, "\x1b") || len(text) > 500 {
		t.Errorf("the names are %q", text)
	}
}

func FuzzParse(f *testing.F) {
	text, err := sample().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(byPyperf))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := results.Parse("f", text)
		if err != nil {
			return
		}
		for _, s := range got.Subjects {
			if len(s.Rows) == 0 || strings.ContainsAny(s.Name+s.Python, "\x1b\n") {
				t.Errorf("the subject %q has %d rows", s.Name, len(s.Rows))
			}
			for _, r := range s.Rows {
				if len(r.Runs) == 0 || strings.ContainsAny(r.Name, "\x1b\n") {
					t.Errorf("the row %q has %d runs", r.Name, len(r.Runs))
				}
			}
		}
	})
}

// TestRunsApart joins two runs: their rounds do not belong together, and subjects of the same name are told apart.
func TestRunsApart(t *testing.T) {
	t.Parallel()
	a, b := sample(), sample()
	b.Machine.Date = "2026-02-02T03:04:05Z"
	got := results.Join([]string{"a.json", "b.json"}, []results.Results{a, b})
	if !got.Apart || len(got.Subjects) != 4 || got.Subjects[0].Name != "old (a.json)" || got.Subjects[2].Name != "old (b.json)" {
		t.Errorf("joined: apart %v, %d subjects, %q and %q", got.Apart, len(got.Subjects), got.Subjects[0].Name, got.Subjects[2].Name)
	}
	if got.Subjects[0].Rows[0].Runs[1].Round != 2 || got.Subjects[2].Rows[0].Runs[1].Round != 0 {
		t.Errorf("the rounds are %+v and %+v", got.Subjects[0].Rows[0].Runs, got.Subjects[2].Rows[0].Runs)
	}
	if b.Subjects[0].Rows[0].Runs[1].Round != 2 {
		t.Error("Join changed what it was given")
	}
}
