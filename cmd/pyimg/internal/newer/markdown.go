package newer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/termtext"
)

// maxMarkdown bounds the text, in bytes: GitHub refuses the text of a pull request that is longer than 65,536 characters.
const maxMarkdown = 60_000

// Markdown is a text for a pull request: which parts are newer, and in which images.
func Markdown(reports []Report) string {
	var behind []string
	for _, r := range reports {
		if r.Behind {
			behind = append(behind, r.Lock)
		}
	}
	var b strings.Builder
	if len(behind) == 0 {
		b.WriteString("### No lock is behind\n")
	} else {
		fmt.Fprintf(&b, "### Newer than %s\n\n| part | locked | now | in |\n| --- | --- | --- | --- |\n", several(behind))
		rows := rows(reports)
		for i, row := range rows {
			if b.Len()+len(row) > maxMarkdown {
				fmt.Fprintf(&b, "\n%d more\n", len(rows)-i)
				break
			}
			b.WriteString(row)
		}
		b.WriteString("\n`pyimg lock` moves all of it, `pyimg lock --update NAME` one part.\n")
	}
	for _, r := range reports {
		if r.Error != "" && b.Len() < maxMarkdown {
			first, _, _ := strings.Cut(r.Error, "\n")
			fmt.Fprintf(&b, "\n%s was not checked: %s\n", code(cmp.Or(r.Spec, r.Lock)), code(first))
		}
	}
	return b.String()
}

// rows are the lines of the table: a change that several images have is one line.
func rows(reports []Report) []string {
	var keys []string
	in := map[string][]string{}
	for _, r := range reports {
		for _, c := range r.Changes {
			key := fmt.Sprintf("| %s %s | %s | %s |", c.Kind, code(c.Name), version(c.Locked), now(c))
			if in[key] == nil {
				keys = append(keys, key)
			}
			if place := cmp.Or(r.Spec, where(c)); !slices.Contains(in[key], place) {
				in[key] = append(in[key], place)
			}
		}
	}
	slices.Sort(keys)
	for i, key := range keys {
		keys[i] = key + " " + several(in[key]) + " |\n"
	}
	return keys
}

func now(c lock.Change) string {
	if c.Rebuilt {
		return version(c.Now) + ", rebuilt"
	}
	return version(c.Now)
}

// version is a version or digest in a cell; a part that is not there has none.
func version(v string) string {
	const shown = len("sha256:") + 12
	if strings.HasPrefix(v, "sha256:") {
		v = v[:min(len(v), shown)]
	}
	if v == "" {
		return "-"
	}
	return code(v)
}

// several names a few of some things.
func several(names []string) string {
	const named = 5
	var shown []string
	for _, n := range names[:min(len(names), named)] {
		shown = append(shown, code(n))
	}
	if n := len(names) - named; n > 0 {
		shown = append(shown, fmt.Sprintf("%d more", n))
	}
	return strings.Join(shown, ", ")
}

// code is a text of anybody as inline code in a cell of a table, where neither Markdown nor HTML has a meaning.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "/").Replace(termtext.Line(s)) + "`"
}
