// Package toml reads TOML documents that others wrote. It bounds how deep they nest, since the library recurses, and says where a
// fault is.
package toml

import (
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// maxDepth bounds tables and arrays within each other. A lock has 4.
const maxDepth = 32

// Unmarshal fills in what into points at, as the library does it: fields that into does not have are left out.
func Unmarshal(data []byte, into any) error {
	if err := checkDepth(data); err != nil {
		return err
	}
	err := toml.Unmarshal(data, into)
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, column := at.Position()
		return fmt.Errorf("line %d, column %d: %w", line, column, err)
	}
	return err
}

// checkDepth refuses brackets and dotted keys that nest too deep, without parsing
// the rest: strings and comments are skipped, faults are left to the TOML library.
func checkDepth(data []byte) error {
	depth, dots := 0, 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"', '\'':
			i = skipString(data, i)
			continue
		case '#':
			for i+1 < len(data) && data[i+1] != '\n' {
				i++
			}
		case '[', '{':
			depth, dots = depth+1, 0
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '=', ',', '\n':
			dots = 0
		}
		if depth > maxDepth || dots > maxDepth {
			return fmt.Errorf("more than %d tables or arrays within each other", maxDepth)
		}
	}
	return nil
}

// skipString returns the index of the last byte of the string that begins at start.
func skipString(data []byte, start int) int {
	quote := data[start]
	size := 1
	if start+2 < len(data) && data[start+1] == quote && data[start+2] == quote {
		size = 3
	}
	for i := start + size; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == '\n' && size == 1:
			return i - 1 // not closed: the TOML library will say so
		case data[i] != quote:
		case size == 1:
			return i
		case i+2 < len(data) && data[i+1] == quote && data[i+2] == quote:
			return i + 2
		}
	}
	return len(data)
}
