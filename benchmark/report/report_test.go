package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/benchmark/report"
	"github.com/pyimg/pyimg/benchmark/results"
)

// series is a row of rounds: a time, with a little noise that depends on the round and on the phase.
func series(name string, seconds, noise float64, phase int) results.Row {
	r := results.Row{Name: name, Loops: 10}
	for round := 1; round <= 10; round++ {
		t := seconds * (1 + noise*math.Sin(float64(round*7+phase)))
		r.Runs = append(r.Runs, results.Run{Round: round, CPU: []float64{t * 1.3, t}, Wall: t * 2, Peak: 20 << 20})
	}
	return r
}

func compare(t *testing.T, r results.Results) report.Report {
	t.Helper()
	out, err := report.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func several(rows ...[]results.Row) results.Results {
	r := results.Results{Machine: results.Machine{CPU: "A CPU", CPUs: 2, Platform: "linux/amd64", LoadBefore: []float64{0.25, 0, 0}}}
	for i, rs := range rows {
		if i == len(rows)-1 {
			r.Control = rs
			break
		}
		r.Subjects = append(r.Subjects, results.Subject{Name: string(rune('A' + i)), Rows: rs})
	}
	return r
}

// TestVerdicts has Pythons of known differences.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		name           string
		other, control float64 // times against 1
		noise          float64
		want           report.Verdict
	}{
		{"the same", 1, 1, 0.005, report.Same},
		{"twice as fast", 0.5, 1, 0.005, report.Faster},
		{"a third slower", 1.33, 1, 0.005, report.Slower},
		{"half of a hundredth", 0.995, 1, 0.0001, report.Same},
		{"half of a hundredth slower", 1.005, 1, 0.0001, report.Same},
		{"two hundredths", 0.98, 1, 0.001, report.Faster},
		{"less than what the control is off", 0.985, 1.019, 0.0001, report.Same},
		{"in noise", 0.985, 1, 0.03, report.Same},
		{"less than what the control may be off", 0.989, 1, 0.008, report.Same},
		{"a control that is off", 0.5, 1.05, 0.0001, report.Unknown},
		{"a control that is off to the other side", 0.5, 0.95, 0.0001, report.Unknown},
	} {
		r := compare(t, several([]results.Row{series("w", 1, of.noise, 0)}, []results.Row{series("w", of.other, of.noise, 2)}, []results.Row{series("w", of.control, of.noise, 4)}))
		if got := r.Rows[0].Cells[1].Verdict; got != of.want {
			t.Errorf("%s: the verdict is %d, want %d; %+v, control %+v", of.name, got, of.want, r.Rows[0].Cells[1].Ratio, r.Rows[0].Control)
		}
		if got := r.Totals[1].Verdict; got != of.want {
			t.Errorf("%s: the verdict on the mean is %d, want %d", of.name, got, of.want)
		}
	}
}

// TestNoFalseClaims measures a Python against itself on machines of several kinds, many times: a claim must be rare.
func TestNoFalseClaims(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test
	for _, noise := range []float64{0.002, 0.01, 0.04} {
		const tries, rows = 12, 16
		claims := 0
		for range tries {
			arms := make([][]results.Row, 3)
			for range rows {
				slow := make([]float64, 10) // of a round, in all arms
				for i := range slow {
					slow[i] = 1 + 5*noise*random.Float64()
				}
				for arm := range arms {
					row := results.Row{Name: fmt.Sprint(len(arms[arm])), Loops: 1}
					for i, s := range slow {
						row.Runs = append(row.Runs, results.Run{Round: i + 1, CPU: []float64{s * math.Exp(noise*random.NormFloat64())}})
					}
					arms[arm] = append(arms[arm], row)
				}
			}
			r := compare(t, several(arms...))
			for _, row := range r.Rows {
				if v := row.Cells[1].Verdict; v == report.Faster || v == report.Slower {
					claims++
				}
			}
			if v := r.Totals[1].Verdict; v == report.Faster || v == report.Slower {
				t.Errorf("noise of %g: the geometric mean is called different: %+v, control %+v", noise, r.Totals[1].Ratio, r.Control)
			}
		}
		if most := tries * rows / 100; claims > most {
			t.Errorf("noise of %g: %d of %d rows are called different, want at most %d", noise, claims, tries*rows, most)
		}
	}
}

// TestFastestOfAProcess: what a process measured more slowly does not count.
func TestFastestOfAProcess(t *testing.T) {
	t.Parallel()
	r := compare(t, several([]results.Row{series("w", 1, 0, 0)}, []results.Row{series("w", 0.5, 0, 0)}, []results.Row{series("w", 1, 0, 0)}))
	if c := r.Rows[0].Cells[1]; c.Seconds != 0.5 || c.Ratio.Ratio != 2 || c.Peak != 20<<20 || c.Wall != 1 || c.Spread != 0 {
		t.Errorf("the cell is %+v", c)
	}
	if total := r.Totals[1]; total.Wall != 2 || math.Abs(total.Peak-20<<20) > 1 {
		t.Errorf("the total is %+v", total)
	}
}

func table(t *testing.T) report.Report {
	t.Helper()
	r := several(
		[]results.Row{series("calls", 0.002, 0.001, 0), series("json", 0.5, 0.001, 0), series("start", 1.5, 0.001, 0)},
		[]results.Row{series("calls", 0.001, 0.001, 2), series("json", 0.5, 0.001, 2), series("start", 3, 0.001, 2)},
		[]results.Row{series("calls", 0.002, 0.001, 4), series("json", 0.5, 0.001, 4), series("start", 1.7, 0.001, 4)},
	)
	r.LeftOut = []results.LeftOut{{Name: "xml", Reason: "B: no module"}}
	return compare(t, r)
}

func TestText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := table(t).Text(&b); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	for line := range strings.Lines(b.String()) {
		lines[strings.Join(strings.Fields(line), " ")] = true
		if strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("the line %q ends with blanks", line)
		}
	}
	for _, want := range []string{"CPU time A B", "calls 2.00 ms 1.00 ms 2.00x faster", "json 500 ms 500 ms no difference", "start 1.50 s 3.00 s not claimed, 13.3 % noise",
		"geometric mean not claimed, 4.2 % noise", "geometric mean of wall time 1.00x", "peak memory 20.0 MiB 20.0 MiB 1.00x"} {
		if !lines[want] {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
	got := b.String()
	for _, note := range []string{"A CPU, 2 processors, linux/amd64", "10 rounds", "load 0.25 before, unknown after", "left out: xml (B: no module)", "control (A with itself): "} {
		if !strings.Contains(got, note) {
			t.Errorf("the notes lack %q:\n%s", note, got)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{1.5: "1.50 s", 99.96: "100 s", 0.0125: "12.5 ms", 0.000417: "417 µs", 0.0009999: "1.00 ms", 2e-9: "2.00 ns", 1234: "1234 s"} {
		if got := report.Duration(seconds); got != want {
			t.Errorf("Duration(%g) = %q, want %q", seconds, got, want)
		}
	}
}

// hostile is a name that means something in HTML, XML and Markdown.
const hostile = `<script>alert("x")</script>|*_[x](y)` + "`" + `&`

// TestPicturesAreWhole parses what is drawn, with names that mean something there, and wants no way to another file or host.
func TestPicturesAreWhole(t *testing.T) {
	t.Parallel()
	r := several([]results.Row{series(hostile, 0.002, 0.001, 0)}, []results.Row{series(hostile, 0.001, 0.001, 2)}, []results.Row{series(hostile, 1e-3, 0.001, 2)}, []results.Row{series(hostile, 0.002, 0.001, 4)})
	r.Subjects[1].Name, r.Subjects[1].Source = hostile, hostile
	r.LeftOut = []results.LeftOut{{Name: hostile, Reason: hostile}}
	found := compare(t, r)
	svg, page, markdown := string(found.SVG()), string(found.HTML()), string(found.Markdown())
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the drawing is no XML: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
			t.Error("the drawing has a script")
		}
	}
	for name, text := range map[string]string{"drawing": svg, "page": page, "Markdown outside of code": regexp.MustCompile("`.*?`").ReplaceAllString(strings.ReplaceAll(markdown, "\\`", ""), "")} {
		if strings.Contains(text, "<script") || strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
			t.Errorf("the %s has a script, or no number:\n%s", name, text)
		}
	}
	for _, other := range []string{" src=", "@import", "url(", "<link", "href="} {
		if strings.Contains(page, other) {
			t.Errorf("the page has %q, which leads to another file", other)
		}
	}
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 7 {
			t.Errorf("the row %q does not have 6 cells", line)
		}
	}
	if again := compare(t, r); string(again.HTML()) != page || string(again.SVG()) != svg {
		t.Error("the same results give another page or drawing")
	}
}

func TestDrawingHasABarForEach(t *testing.T) {
	t.Parallel()
	svg := string(table(t).SVG())
	if n := strings.Count(svg, `class="whisker"`); n != 4 {
		t.Errorf("the drawing has %d bars, want 4: three workloads and their mean", n)
	}
	for _, want := range []string{">2.00x<", ">no difference<", ">not claimed<", ">geometric mean<", "prefers-color-scheme:dark"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the drawing lacks %q", want)
		}
	}
}

// TestOnlyOne measures one Python: there is nothing to compare, but times.
func TestOnlyOne(t *testing.T) {
	t.Parallel()
	r := compare(t, several([]results.Row{series("calls", 0.002, 0, 0)}, []results.Row{series("calls", 0.002, 0, 0)}))
	var b bytes.Buffer
	if err := r.Text(&b); err != nil || !strings.Contains(b.String(), "2.00 ms") || strings.Contains(b.String(), "geometric") {
		t.Errorf("the table is %v\n%s", err, b.String())
	}
	if len(r.SVG()) == 0 || !strings.Contains(string(r.HTML()), "2.00 ms") {
		t.Error("there is no drawing or page of one Python")
	}
}

func TestNothingInCommon(t *testing.T) {
	t.Parallel()
	if _, err := report.New(results.Results{}); err == nil {
		t.Error("no results are a report")
	}
	if _, err := report.New(several([]results.Row{series("a", 1, 0, 0)}, []results.Row{series("b", 1, 0, 0)}, nil)); err == nil {
		t.Error("results without a workload in common are a report")
	}
	r := compare(t, several([]results.Row{series("a", 1, 0, 0), series("b", 1, 0, 0)}, []results.Row{series("b", 1, 0, 0)}, nil))
	if len(r.Rows) != 1 || len(r.LeftOut) != 1 || r.LeftOut[0].Name != "a" {
		t.Errorf("the rows are %+v, left out %+v", r.Rows, r.LeftOut)
	}
}

// New compares two Pythons, of which one takes half the time.
func ExampleNew() {
	r, err := report.New(results.Results{Subjects: []results.Subject{
		{Name: "old", Rows: []results.Row{series("calls", 2e-3, 0, 0)}},
		{Name: "new", Rows: []results.Row{series("calls", 1e-3, 0, 0)}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2fx, and that is faster: %t\n", r.Totals[1].Ratio.Ratio, r.Totals[1].Verdict == report.Faster)
	// Output: 2.00x, and that is faster: true
}
