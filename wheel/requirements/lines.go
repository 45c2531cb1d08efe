package requirements

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxSize is the largest requirements file that a caller should read: some
// thousand requirements with dozens of hashes each.
const MaxSize = 16 << 20

// maxLine bounds one line with its continuations.
const maxLine = 1 << 20

// line is a logical line: continuations joined, comments gone.
type line struct {
	number int // of its first physical line
	text   string
}

// split reads the logical lines of a file.
func split(data []byte) ([]line, error) {
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var lines []line
	var joined strings.Builder
	start, number := 0, 0
	for physical := range strings.SplitSeq(text, "\n") {
		number++
		if start == 0 {
			start = number
		}
		comment := strings.HasPrefix(strings.TrimLeft(physical, " \t"), "#")
		if comment {
			physical = " " + physical // so that a comment begins there
		}
		if strings.HasSuffix(physical, `\`) && !comment {
			joined.WriteString(strings.Trim(physical, `\`))
			if joined.Len() > maxLine {
				return nil, fmt.Errorf("line %d: it has more than %d bytes", start, maxLine)
			}
			continue
		}
		joined.WriteString(physical)
		if text := strings.TrimSpace(cutComment(joined.String())); text != "" {
			lines = append(lines, line{start, text})
		}
		joined.Reset()
		start = 0
	}
	if text := strings.TrimSpace(cutComment(joined.String())); text != "" {
		lines = append(lines, line{start, text})
	}
	return lines, nil
}

// cutComment cuts at the first "#" that begins the text or follows a blank.
func cutComment(text string) string {
	for i := range len(text) {
		if text[i] == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			return text[:i]
		}
	}
	return text
}

// decode is what pip does: a byte order mark, a coding comment in the first two
// lines, else UTF-8. It knows the codings of today's files only.
func decode(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decodeUTF16(data[2:], data[0] == 0xff), nil
	default:
		switch coding := strings.ReplaceAll(strings.ToLower(codingOf(data)), "_", "-"); coding {
		case "", "utf-8", "utf8", "ascii", "us-ascii":
		case "latin-1", "latin1", "iso-8859-1", "iso8859-1":
			var b strings.Builder
			for _, c := range data {
				b.WriteRune(rune(c))
			}
			return b.String(), nil
		default:
			return "", fmt.Errorf("its coding is %.50q: write it in UTF-8", coding)
		}
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("it is not UTF-8, and has no coding comment")
	}
	return string(data), nil
}

// codingOf is the coding comment of the first two lines (PEP 263).
func codingOf(data []byte) string {
	pattern := regexp.MustCompile(`coding[:=][ \t]*([-\w.]+)`)
	for i, l := range bytes.SplitN(data, []byte("\n"), 3) {
		if i < 2 && len(l) > 0 && l[0] == '#' {
			if m := pattern.FindSubmatch(l); m != nil {
				return string(m[1])
			}
		}
	}
	return ""
}

func decodeUTF16(data []byte, little bool) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		a, b := uint16(data[2*i]), uint16(data[2*i+1])
		if little {
			a, b = b, a
		}
		units[i] = a<<8 | b
	}
	return string(utf16.Decode(units))
}
