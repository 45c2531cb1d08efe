//go:build unix

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/bench/page"
)

// TestChartOfTheDocs draws the results in docs again: the picture there is of them, and the same results give the same bytes.
func TestChartOfTheDocs(t *testing.T) {
	t.Parallel()
	r, err := readResults("../../docs/performance.json")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := r.draw(&got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/performance.svg")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("docs/performance.svg is not of docs/performance.json; draw it with \"go run ./internal/bench -of docs/performance.json -chart docs/performance.svg\"")
	}
}

// TestTableOfTheDocs: the table in the docs is that of the results there.
func TestTableOfTheDocs(t *testing.T) {
	t.Parallel()
	r, err := readResults("../../docs/performance.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/PERFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	if found, ok := page.Get(string(text), command); !ok || found != r.markdown() {
		t.Error("docs/PERFORMANCE.md has another table than docs/performance.json; \"go run ./internal/bench -of docs/performance.json -page docs/PERFORMANCE.md\" puts it there")
	}
}

// TestChartIsXML draws names that XML would misread, and leaves out what was not measured.
func TestChartIsXML(t *testing.T) {
	t.Parallel()
	r := &results{Machine: "a <b> & \"c\"", Runs: 3, Rows: []row{
		{Name: "fast & <small>", CPU: 0.005, CPULeast: 0.004, CPUMost: 0.006},
		{Name: "slow", CPU: 12, CPULeast: 11, CPUMost: 13},
		{Name: "elsewhere", Absent: "not measured: it is not on PATH"},
	}}
	var got bytes.Buffer
	if err := r.draw(&got); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); strings.Contains(text, "elsewhere") || !strings.Contains(text, "12.000") {
		t.Errorf("the chart is %s", text)
	}
	for d := xml.NewDecoder(&got); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
	}
}

func TestChartOfNothing(t *testing.T) {
	t.Parallel()
	if err := new(results).draw(io.Discard); err == nil {
		t.Error("a chart was drawn of no scenario")
	}
}
