package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/sbom"
)

// SetSBOM sets which bills of materials are in the image: "none", or names of encodings.
func (s *Spec) SetSBOM(names []string) error {
	s.SBOM = slices.Clone(names)
	if slices.Equal(names, []string{noSBOM}) {
		s.SBOM = nil
	}
	return s.checkSBOM()
}

// noSBOM is what a flag says to override a spec.
const noSBOM = "none"

// checkSBOM checks the name that was added last, and keeps the names sorted.
func (s *Spec) checkSBOM() error {
	var known []string
	for _, e := range sbom.Encodings() {
		known = append(known, e.Name)
	}
	for _, name := range s.SBOM {
		if !slices.Contains(known, name) {
			return fmt.Errorf("expected %s, found %q", strings.Join(known, " or "), name)
		}
	}
	slices.Sort(s.SBOM)
	s.SBOM = slices.Compact(s.SBOM)
	return nil
}
