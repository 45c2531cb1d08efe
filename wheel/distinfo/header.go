package distinfo

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// header is the fields before the first empty line, in the form of an email.
type header struct {
	fields map[string][]string // by lower-case name, in order
}

// parseHeader reads "Name: value" lines. A line that begins with a blank belongs
// to the one before. What follows the first empty line is the description.
func parseHeader(data []byte) (header, error) {
	h := header{make(map[string][]string)}
	if !utf8.Valid(data) {
		return h, fmt.Errorf("it is not UTF-8")
	}
	last, number := "", 0
	var value strings.Builder // of the field named last
	flush := func() {
		if last != "" {
			h.fields[last] = append(h.fields[last], strings.TrimSpace(value.String()))
		}
		value.Reset()
	}
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			value.WriteString("\n" + line)
			continue
		}
		name, text, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return h, fmt.Errorf("line %d: expected NAME: VALUE, not %.100q", number, line)
		}
		flush()
		last = strings.ToLower(name)
		value.WriteString(text)
	}
	flush()
	return h, nil
}

// all are the values of a field that may occur often.
func (h header) all(name string) []string { return h.fields[strings.ToLower(name)] }

// one is the value of a field that may occur once; "" where it is missing.
func (h header) one(name string) (string, error) {
	switch values := h.all(name); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", fmt.Errorf("%s is there twice", name)
}
