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
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if values := h.fields[last]; len(values) > 0 {
				values[len(values)-1] += "\n" + line
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, " \t") {
			return h, fmt.Errorf("line %d: expected NAME: VALUE, not %.100q", number, line)
		}
		last = strings.ToLower(name)
		h.fields[last] = append(h.fields[last], strings.TrimSpace(value))
	}
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
