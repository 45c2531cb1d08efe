package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/pyimg/pyimg/benchmark/stats"
)

//go:embed page.html
var page string

// HTML is a page that needs no other file and no network: the table, the drawing, and how it was measured.
func (r Report) HTML() []byte {
	t := template.Must(template.New("page").Funcs(template.FuncMap{
		"duration": Duration, "memory": memory,
		"words":    func(v Verdict, i stats.Interval, c *stats.Interval) string { return words(v, i.Ratio, c) },
		"interval": func(i stats.Interval) string { return fmt.Sprintf("%.3f to %.3f", i.Low, i.High) },
		"percent":  func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) },
		"class":    func(v Verdict) string { return []string{"same", "faster", "slower", "unknown"}[v] },
		"times":    func(x float64) string { return fmt.Sprintf("%.2fx", x) },
	}).Parse(page))
	var b bytes.Buffer
	err := t.Execute(&b, map[string]any{
		"Report": r, "Base": r.Subjects[0], "Others": r.Subjects[1:], "Notes": r.notes(),
		"SVG": template.HTML(r.SVG()), //nolint:gosec // the drawing escapes what it was given
	})
	if err != nil {
		panic("report: the page: " + err.Error()) // the template is embedded, and a test fills it in
	}
	return b.Bytes()
}

// Markdown is the table in Markdown, and how it was measured.
func (r Report) Markdown() []byte {
	rows := r.table()
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			if i == 0 && n > 0 && n <= len(r.Rows) {
				cell = "`" + cell + "`"
			}
			b.WriteString("| " + escapeMarkdown(cell, i == 0 && n > 0 && n <= len(r.Rows)) + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			b.WriteString("| --- " + strings.Repeat("| ---: ", len(row)-1) + "|\n")
		}
	}
	for _, note := range r.notes() {
		b.WriteString("\n" + escapeMarkdown(note, false) + "\n")
	}
	return []byte(b.String())
}

// escapeMarkdown takes their meaning from characters of GitHub's Markdown and of HTML. In code only what ends it or a cell has one.
func escapeMarkdown(s string, code bool) string {
	if code {
		return "`" + strings.NewReplacer("`", "'", "|", "/").Replace(strings.Trim(s, "`")) + "`"
	}
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", `\#`, "@", "&#64;", `\`, `\\`).Replace(s)
}
