package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/wheels/repository"
)

// A Part is what builds add to an index.
type Part struct {
	Version  int                  `json:"version"` // of the form
	Wheels   []Change             `json:"wheels"`
	Failures []repository.Failure `json:"failures,omitempty"`
	Cleared  []string             `json:"cleared,omitempty"` // names of failures that are none any more
}

// A Change is a wheel that is new, or is another one than the index had.
type Change struct {
	repository.Record
	Replaces string `json:"replaces,omitempty"` // SHA-256 of the wheel that the index had under this name
	Marked   bool   `json:"marked,omitempty"`   // it was yanked, or is good again
}

const (
	partVersion = 1
	partMedia   = "application/vnd.pyimg.wheels.part.v1+json"
	maxPart     = artifact.MaxContents
)

// Empty reports whether a part adds nothing.
func (p Part) Empty() bool { return len(p.Wheels)+len(p.Failures)+len(p.Cleared) == 0 }

// Diff is what now has and base has not.
func Diff(base, now Contents) Part {
	p := Part{Version: partVersion, Wheels: []Change{}}
	had := make(map[string]repository.Record)
	for _, r := range base.Wheels {
		had[r.File] = r
	}
	for _, r := range now.Wheels {
		old, there := had[r.File]
		switch {
		case !there:
			p.Wheels = append(p.Wheels, Change{Record: r})
		case old.SHA256 != r.SHA256:
			p.Wheels = append(p.Wheels, Change{Record: r, Replaces: old.SHA256})
		case !slices.Equal(old.Keys, r.Keys), !equalText(old.Yanked, r.Yanked):
			p.Wheels = append(p.Wheels, Change{Record: r, Replaces: r.SHA256, Marked: !equalText(old.Yanked, r.Yanked)})
		}
	}
	failed := make(map[string]repository.Failure)
	for _, f := range base.Failures {
		failed[f.Name()] = f
	}
	for _, f := range now.Failures {
		if failed[f.Name()] != f {
			p.Failures = append(p.Failures, f)
		}
		delete(failed, f.Name())
	}
	for name := range failed {
		p.Cleared = append(p.Cleared, name)
	}
	slices.Sort(p.Cleared)
	return p
}

func equalText(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// Contents is what an index has.
type Contents struct {
	Wheels   []repository.Record
	Failures []repository.Failure
}

// Merge adds parts to what an index has. It neither depends on the order of the parts nor changes when one is added again:
//
//   - of wheels with one name and other bytes in several parts the one with the lowest SHA-256 is taken;
//   - one that was built in place of another wheel than the index has now is left out: the index got a newer one meanwhile.
func Merge(now Contents, parts ...Part) Contents {
	changes := make(map[string]Change)
	for _, p := range parts {
		for _, c := range p.Wheels {
			changes[c.File] = chosen(changes, c)
		}
	}
	var out Contents
	for _, r := range now.Wheels {
		if c, changed := changes[r.File]; changed {
			r = c.onto(r)
			delete(changes, r.File)
		}
		out.Wheels = append(out.Wheels, r)
	}
	for _, c := range changes {
		out.Wheels = append(out.Wheels, c.Record)
	}
	slices.SortFunc(out.Wheels, func(a, b repository.Record) int { return strings.Compare(a.File, b.File) })
	out.Failures = mergeFailures(now.Failures, parts)
	return out
}

// chosen is which of two changes of one wheel is taken.
func chosen(changes map[string]Change, c Change) Change {
	other, there := changes[c.File]
	switch {
	case !there, c.SHA256 < other.SHA256:
		return c
	case c.SHA256 == other.SHA256:
		other.Keys = union(other.Keys, c.Keys)
		if c.Marked && !other.Marked {
			other.Yanked, other.Marked = c.Yanked, true
		}
	}
	return other
}

// onto is the record of a wheel that the index has, after the change.
func (c Change) onto(now repository.Record) repository.Record {
	switch now.SHA256 {
	case c.SHA256:
		if now.Keys = union(now.Keys, c.Keys); c.Marked {
			now.Yanked = c.Yanked
		}
		return now
	case c.Replaces:
		return c.Record
	}
	return now
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// mergeFailures takes of several notes on one build the one whose reason comes first in the alphabet.
func mergeFailures(now []repository.Failure, parts []Part) []repository.Failure {
	all, added := make(map[string]repository.Failure), make(map[string]repository.Failure)
	for _, f := range now {
		all[f.Name()] = f
	}
	for _, p := range parts {
		for _, name := range p.Cleared {
			delete(all, name)
		}
		for _, f := range p.Failures {
			if other, there := added[f.Name()]; !there || f.Reason < other.Reason {
				added[f.Name()] = f
			}
		}
	}
	maps.Copy(all, added)
	return slices.SortedFunc(maps.Values(all), func(a, b repository.Failure) int { return strings.Compare(a.Name(), b.Name()) })
}

// ParsePart reads the text of a part.
func ParsePart(text []byte) (Part, error) {
	var p Part
	err := json.Unmarshal(text, &p)
	if err == nil && p.Version != partVersion {
		err = fmt.Errorf("its version is %d, expected %d", p.Version, partVersion)
	}
	if err == nil {
		records := make([]repository.Record, len(p.Wheels))
		for i, c := range p.Wheels {
			records[i] = c.Record
		}
		_, _, err = repository.NewManifest(records)
	}
	if err != nil {
		return Part{}, &artifact.DamageError{Err: fmt.Errorf("reading a part of an index of wheels: %w", err)}
	}
	return p, nil
}

// text is the part as it is stored: sorted, so that equal parts have one digest.
func (p Part) text() ([]byte, error) {
	p.Version, p.Wheels = partVersion, slices.Clone(p.Wheels)
	slices.SortFunc(p.Wheels, func(a, b Change) int { return strings.Compare(a.File, b.File) })
	return json.Marshal(p)
}
