package requirements

import (
	"slices"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
)

// Wanted is one requirement, which may name any version, for a caller that chooses versions itself.
type Wanted struct {
	At          string // FILE:LINE
	Requirement dependency.Requirement
	Hashes      []source.Hash // one of them must hold, where there are any
	Constraint  bool          // it asks for nothing, and only says which version
}

// Wanted returns all requirements and constraints, in the order of the files.
func (s *Set) Wanted() []Wanted {
	out := make([]Wanted, len(s.entries))
	for i, e := range s.entries {
		out[i] = Wanted{e.at, e.requirement, slices.Clone(e.hashes), e.constraint}
	}
	return out
}
