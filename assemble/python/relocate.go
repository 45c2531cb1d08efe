package python

import (
	"path"
	"strings"
)

// A Move is a prefix that files of a runtime name, and the prefix in the image that replaces it.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// NamesPrefix reports whether a file of a CPython, by its path below the prefix, is a text that names the prefix. kept is a
// script's #! line.
func NamesPrefix(p, kept string) bool {
	dir, base := path.Split(p)
	switch {
	case dir == "bin/":
		return strings.HasPrefix(kept, "#!")
	case dir == "lib/pkgconfig/":
		return strings.HasSuffix(base, ".pc")
	case strings.HasPrefix(base, "_sysconfigdata"):
		return strings.HasSuffix(base, ".py")
	case strings.HasPrefix(base, "_sysconfig_vars"):
		return strings.HasSuffix(base, ".json")
	}
	return strings.Contains(dir, "/config-3.") && (base == "Makefile" || base == "python-config.py")
}

// Relocate replaces each prefix that is a whole path or the beginning of one: in "/install/bin" and "-I/install/include", but not
// in "/usr/bin/install" or "/installer".
func Relocate(s string, moves []Move) string {
	var b strings.Builder
	for done := 0; ; {
		at, m := len(s), Move{}
		for _, c := range moves {
			if i := strings.Index(s[done:], c.From); i >= 0 && done+i < at {
				at, m = done+i, c
			}
		}
		b.WriteString(s[done:at])
		if at == len(s) {
			return b.String()
		}
		done = at + len(m.From)
		if begins(s[:at]) && ends(s[done:]) {
			b.WriteString(m.To)
		} else {
			b.WriteString(m.From)
		}
	}
}

// begins reports whether an absolute path may begin after before: not within another path or word, but after -I and -L.
func begins(before string) bool {
	if before == "" || !inPath(before[len(before)-1]) {
		return true
	}
	flag := strings.TrimSuffix(strings.TrimSuffix(before, "-I"), "-L")
	return flag != before && (flag == "" || !inPath(flag[len(flag)-1]))
}

func ends(after string) bool { return after == "" || after[0] == '/' || !inPath(after[0]) }

func inPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-./+", c) >= 0 || c >= 0x80
}
