package report

import (
	"fmt"
	"html"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/pyimg/pyimg/benchmark/stats"
)

// The drawing's measures, in pixels.
const (
	width      = 900
	labelWidth = 210
	rightWidth = 170 // for the words after a bar
	barHeight  = 13
	rowGap     = 9
	topHeight  = 54
)

// style has the colours for light and for dark surroundings. A drawing in a page follows the page.
const style = `
svg{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d1d9e0;--c1:#1f6f9f;--c2:#b5651d;--c3:#4b7f3a;--c4:#7c4a9c;--c5:#a33b4c;font:13px system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--c1:#5ab0e0;--c2:#e0a060;--c3:#86c46f;--c4:#c497e0;--c5:#ec8797}}
.ink{fill:var(--ink)}.soft{fill:var(--soft)}.paper{fill:var(--paper)}.line{stroke:var(--line)}.one{stroke:var(--soft);stroke-dasharray:3 3}.whisker{stroke:var(--ink);stroke-width:1.5}
.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}.unsure{opacity:.35}.total{font-weight:600}`

// colors is how many subjects have a colour of their own.
const colors = 5

// drawing is a picture that is being made.
type drawing struct {
	strings.Builder
	low, high float64 // the ratios at the ends of the scale
	y         int
}

// SVG draws how many times as fast as the first subject the others are, with intervals.
func (r Report) SVG() []byte {
	others := len(r.Subjects) - 1
	height := topHeight + (len(r.Rows)+1)*(others*barHeight+rowGap) + 20*max(others, 1) + 14
	d := &drawing{low: 1, high: 1, y: topHeight}
	for _, row := range r.Rows {
		for _, c := range row.Cells {
			d.low, d.high = min(d.low, c.Ratio.Low), max(d.high, c.Ratio.High)
		}
	}
	// The scale begins at 0, where a bar is as long as its ratio, and ends at a tenth above the largest.
	d.low, d.high = 0, math.Ceil(d.high*10+0.5)/10
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s"><style>%s</style>`+"\n", width, height, r.title(), style)
	fmt.Fprintf(d, `<rect class="paper" width="%d" height="%d"/><text class="ink" x="10" y="22" font-size="16">%s</text>`+"\n", width, height, r.title())
	d.scale(height - 20*max(others, 1) - 10)
	total := Row{Name: "geometric mean", Cells: make([]Cell, len(r.Totals)), Control: r.Control}
	for i, t := range r.Totals {
		total.Cells[i] = Cell{Ratio: t.Ratio, Verdict: t.Verdict}
	}
	d.row(total, " total")
	for _, row := range r.Rows {
		d.row(row, "")
	}
	for i := 1; i <= others; i++ {
		y := height - 20*(others-i) - 12
		fmt.Fprintf(d, `<rect class="c%d" x="%d" y="%d" width="12" height="12"/><text class="ink" x="%d" y="%d">%s</text>`+"\n",
			color(i), labelWidth, y-10, labelWidth+18, y, html.EscapeString(r.Subjects[i].Name))
	}
	d.WriteString("</svg>\n")
	return []byte(d.String())
}

func (r Report) title() string {
	return html.EscapeString("CPU time: how many times as fast as " + r.Subjects[0].Name)
}

// color is the number of a subject's colour.
func color(subject int) int { return (subject-1)%colors + 1 }

// at is where a ratio is on the scale.
func (d *drawing) at(ratio float64) float64 {
	ratio = min(max(ratio, d.low), d.high)
	return labelWidth + (width-labelWidth-rightWidth)*(ratio-d.low)/(d.high-d.low)
}

// scale draws the lines of round ratios, and of 1.
func (d *drawing) scale(bottom int) {
	step := 0.25
	for d.high/step > 10 {
		step *= 2
	}
	for x := 0.0; x <= d.high; x += step {
		class := "line"
		if x == 1 {
			class = "one"
		}
		fmt.Fprintf(d, `<path class="%s" d="M%.1f %d V%d"/><text class="soft" x="%.1f" y="%d" text-anchor="middle">%gx</text>`+"\n", class, d.at(x), topHeight-6, bottom, d.at(x), topHeight-10, x)
	}
}

// row draws the bars of a workload.
func (d *drawing) row(row Row, class string) {
	middle := d.y + max(len(row.Cells)-1, 1)*barHeight/2 + 4
	fmt.Fprintf(d, `<text class="ink%s" x="%d" y="%d" text-anchor="end">%s</text>`+"\n", class, labelWidth-8, middle, html.EscapeString(clipped(row.Name)))
	for i, c := range row.Cells[1:] {
		unsure := ""
		if c.Verdict == Unknown || c.Verdict == Same {
			unsure = " unsure"
		}
		fmt.Fprintf(d, `<rect class="c%d%s" x="%d" y="%d" width="%.1f" height="%d"/>`, color(i+1), unsure, labelWidth, d.y, d.at(c.Ratio.Ratio)-labelWidth, barHeight-2)
		fmt.Fprintf(d, `<path class="whisker" d="M%.1f %d H%.1f"/>`, d.at(c.Ratio.Low), d.y+barHeight/2, d.at(c.Ratio.High))
		fmt.Fprintf(d, `<text class="soft%s" x="%.1f" y="%d" font-size="11">%s</text>`+"\n", class, d.at(max(c.Ratio.High, c.Ratio.Ratio))+6, d.y+barHeight-3, short(c.Verdict, c.Ratio))
		d.y += barHeight
	}
	d.y += rowGap
}

// short is what is written after a bar.
func short(v Verdict, ratio stats.Interval) string {
	switch v {
	case Unknown:
		return "not claimed"
	case Same:
		return "no difference"
	}
	return fmt.Sprintf("%.2fx", ratio.Ratio)
}

// clipped is a name that fits the place for it.
func clipped(name string) string {
	const most = 28
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most-1]) + "…"
}
