package distinfo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/wheel/tag"
)

// maxTags bounds the tags of a WHEEL file, which compressed sets multiply.
const maxTags = 10_000

// Wheel is what a WHEEL file says.
type Wheel struct {
	Minor         int  // of Wheel-Version 1.MINOR; tools know 1.0
	RootIsPurelib bool // the files go to purelib, not platlib
	Generator     string
	Tags          []string // written out
}

// ParseWheel reads a WHEEL file. Wheel-Version 2 and later are errors.
func ParseWheel(data []byte) (Wheel, error) {
	w, err := parseWheel(data)
	if err != nil {
		return Wheel{}, fmt.Errorf("reading WHEEL: %w", err)
	}
	return w, nil
}

func parseWheel(data []byte) (w Wheel, err error) {
	h, err := parseHeader(data)
	if err != nil {
		return w, err
	}
	number, err := h.one("Wheel-Version")
	if err != nil {
		return w, err
	}
	major, minor, _ := strings.Cut(number, ".")
	if minor == "" {
		minor = "0"
	}
	if w.Minor, err = strconv.Atoi(minor); err != nil || major != "1" || w.Minor < 0 {
		return w, fmt.Errorf("Wheel-Version %.50q: pyimg knows 1.0", number)
	}
	purelib, err := h.one("Root-Is-Purelib")
	if err != nil {
		return w, err
	}
	w.RootIsPurelib = strings.EqualFold(purelib, "true")
	w.Generator = strings.Join(h.all("Generator"), ", ")
	for _, set := range h.all("Tag") {
		tags, err := tag.Expand(set)
		if err != nil {
			return w, err
		}
		if w.Tags = append(w.Tags, tags...); len(w.Tags) > maxTags {
			return w, fmt.Errorf("it has more than %d tags", maxTags)
		}
	}
	return w, nil
}
