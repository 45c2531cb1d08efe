//go:build unix

package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The chart's measures, in pixels.
const (
	chartWidth = 960
	labelWidth = 470
	lineHeight = 22
	chartTop   = 64
)

// draw writes a bar chart of the CPU of each scenario as SVG. The scale is logarithmic: what people wait for takes from
// milliseconds to seconds. A thin line shows the cheapest and the dearest run. The same results always give the same bytes.
func (r *results) draw(w io.Writer) error {
	var rows []row
	least, most := math.Inf(1), 0.0
	for _, x := range r.Rows {
		if x.Absent == "" && x.CPU > 0 {
			rows = append(rows, x)
			least, most = min(least, x.CPULeast), max(most, x.CPUMost)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("drawing: the results have no scenario")
	}
	low, high := math.Floor(math.Log10(max(least, 1e-3))), math.Ceil(math.Log10(most))
	if high <= low {
		high = low + 1
	}
	at := func(seconds float64) float64 {
		return labelWidth + (chartWidth-labelWidth-90)*(math.Log10(max(seconds, math.Pow(10, low)))-low)/(high-low)
	}
	height := chartTop + lineHeight*len(rows) + 20
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", chartWidth, height)
	fmt.Fprintf(&b, "<title>CPU time by scenario</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", chartWidth, height)
	fmt.Fprintf(&b, "<text x=\"10\" y=\"20\" font-size=\"15\">CPU, seconds (logarithmic): median, and the cheapest and dearest of %d runs</text>\n", r.Runs)
	fmt.Fprintf(&b, "<text x=\"10\" y=\"40\" fill=\"#555\">%s, %d cores, %s; load %s</text>\n", html.EscapeString(r.Machine), r.Cores, html.EscapeString(r.Go), html.EscapeString(r.Load))
	for e := low; e <= high; e++ {
		x := at(math.Pow(10, e))
		fmt.Fprintf(&b, "<path d=\"M%.1f %d V%d\" stroke=\"#ccc\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%g</text>\n",
			x, chartTop-4, height-20, x, chartTop-8, math.Pow(10, e))
	}
	for i, x := range rows {
		y := chartTop + lineHeight*i
		color := "#3b6ea5"
		if strings.Contains(x.Name, ": ") && !strings.HasPrefix(x.Name, "cold") {
			color = "#b5651d" // another program
		}
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-8, y+15, html.EscapeString(x.Name))
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", labelWidth, y+4, at(x.CPU)-labelWidth, lineHeight-8, color)
		fmt.Fprintf(&b, "<path d=\"M%.1f %d H%.1f\" stroke=\"#222\"/>\n", at(x.CPULeast), y+lineHeight/2, at(x.CPUMost))
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%.3f</text>\n", at(x.CPUMost)+6, y+15, x.CPU)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
