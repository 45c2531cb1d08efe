package dependency

import (
	"fmt"
	"strings"
)

// maxLength bounds the text of one requirement or marker. The longest real
// ones, URLs with markers, have some hundred bytes.
const maxLength = 64 << 10

// Normalize is the form in which names of projects, extras and groups are
// compared: lower case, runs of "-", "_" and "." as one "-".
func Normalize(name string) string {
	var b strings.Builder
	separator := false
	for _, r := range strings.ToLower(name) {
		if r == '-' || r == '_' || r == '.' {
			separator = true
			continue
		}
		if separator {
			b.WriteByte('-')
			separator = false
		}
		b.WriteRune(r)
	}
	if separator {
		b.WriteByte('-')
	}
	return b.String()
}

// CheckName refuses what is no name of a project or an extra: ASCII letters and
// digits, with "-", "_" and "." between them.
func CheckName(name string) error {
	if nameEnd(name) != len(name) || name == "" {
		return fmt.Errorf("name %q: expected ASCII letters and digits, with -, _ and . between them", clip(name))
	}
	return nil
}

// nameEnd is where the name that text begins with ends.
func nameEnd(text string) int {
	end := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			end = i + 1
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return end
		}
	}
	return end
}

// clip keeps errors short where the text is foreign and long.
func clip(text string) string {
	if len(text) > 200 {
		return text[:200] + "..."
	}
	return text
}
