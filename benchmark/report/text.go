package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/pyimg/pyimg/benchmark/stats"
	"github.com/pyimg/pyimg/internal/termtext"
)

// table is the comparison as cells of text, with the heading first.
func (r Report) table() [][]string {
	head := []string{"CPU time"}
	for i, s := range r.Subjects {
		head = append(head, s.Name)
		if i > 0 {
			head = append(head, "")
		}
	}
	rows := [][]string{head}
	for _, row := range r.Rows {
		cells := []string{row.Name}
		for i, c := range row.Cells {
			cells = append(cells, Duration(c.Seconds))
			if i > 0 {
				cells = append(cells, words(c.Verdict, c.Ratio.Ratio, row.Control))
			}
		}
		rows = append(rows, cells)
	}
	mean, interval, wall, peak := []string{"geometric mean", ""}, []string{"", ""}, []string{"geometric mean of wall time", ""}, []string{"peak memory", memory(r.Totals[0].Peak)}
	for _, t := range r.Totals[1:] {
		mean = append(mean, "", words(t.Verdict, t.Ratio.Ratio, r.Control))
		interval = append(interval, "", fmt.Sprintf("(%.3f to %.3f)", t.Ratio.Low, t.Ratio.High))
		wall = append(wall, "", fmt.Sprintf("%.2fx", t.Wall))
		peak = append(peak, memory(t.Peak), timesOf(t.Peak, r.Totals[0].Peak))
	}
	if len(r.Subjects) > 1 {
		rows = append(rows, mean, interval)
		if r.Totals[len(r.Totals)-1].Wall > 0 {
			rows = append(rows, wall)
		}
	}
	if r.Totals[0].Peak > 0 {
		rows = append(rows, peak)
	}
	return rows
}

// words say a ratio as people do.
func words(v Verdict, ratio float64, control *stats.Interval) string {
	switch v {
	case Faster:
		return fmt.Sprintf("%.2fx faster", ratio)
	case Slower:
		return fmt.Sprintf("%.2fx slower", 1/ratio)
	case Unknown:
		return fmt.Sprintf("not claimed, %.1f %% noise", 100*apart(control.Ratio))
	}
	return "no difference"
}

// timesOf is how many times one amount is the other; "" where one is not known.
func timesOf(x, of float64) string {
	if x <= 0 || of <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2fx", x/of)
}

func memory(bytes float64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
}

// Duration is a time with three digits, in a unit that fits.
func Duration(seconds float64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}} {
		if seconds >= unit.size*0.9995 {
			return digits(seconds/unit.size) + " " + unit.name
		}
	}
	return digits(seconds/1e-9) + " ns"
}

func digits(x float64) string {
	switch {
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// Text writes the comparison as a table for terminals.
func (r Report) Text(w io.Writer) error {
	rows := r.table()
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 || isWords(i) {
				line += c + pad + "  "
			} else {
				line += pad + c + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, line := range r.notes() {
		b.WriteString("\n" + line)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// isWords reports whether column i of the table has words and not times.
func isWords(i int) bool { return i >= 3 && i%2 == 1 }

// notes say how it was measured.
func (r Report) notes() []string {
	var notes []string
	m := r.Machine
	if m.CPU != "" || m.Platform != "" {
		notes = append(notes, strings.Trim(fmt.Sprintf("%s, %s, %s", m.CPU, termtext.Count(m.CPUs, "processor"), m.Platform), ", "))
	}
	notes = append(notes, fmt.Sprintf("%s; CPU time of a loop: the fastest of each process, the median of all rounds; load %s before, %s after",
		termtext.Count(r.Rounds, "round"), loads(m.LoadBefore), loads(m.LoadAfter)))
	if r.Control != nil {
		notes = append(notes, fmt.Sprintf("control (%s with itself): %.3f (%.3f to %.3f)", r.Subjects[0].Name, r.Control.Ratio, r.Control.Low, r.Control.High))
	}
	if r.Apart {
		notes = append(notes, "measured in several runs: what changed on the machine in between is in the figures")
	}
	for _, l := range r.LeftOut {
		notes = append(notes, fmt.Sprintf("left out: %s (%s)", l.Name, l.Reason))
	}
	return notes
}

func loads(load []float64) string {
	if len(load) == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.2f", load[0])
}
