package root

import (
	"cmp"
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// A rootPackage is a package with the directories and files that it owns.
type rootPackage struct {
	Installed
	index  int    // of what Install or Add was given; -1 for a package of the base, and for what no package has
	record string // of a package of the base: its fields as they are in the database
	going  bool   // it is removed or upgraded
	gone   bool   // so it was

	unsorted int         // see ownDir
	selected *ownedDir   // the folder that was used last
	dirs     []*ownedDir // in the order in which the database lists them
	byName   map[string]*ownedDir
	files    map[string]*ownedFile // by their path in the archive
	skips    []Skip
}

// unpacked reports whether apk reads the archive at all. It does not if the package has no size.
func (p *rootPackage) unpacked() bool {
	return p.Control != nil && (p.Package.InstalledSize != 0 || p.record != "")
}

func (p *rootPackage) replacesPriority() int {
	if !p.unpacked() {
		return 0
	}
	return p.Control.Info.ReplacesPriority
}

func (p *rootPackage) replaces() []apk.Dependency {
	if !p.unpacked() {
		return nil
	}
	return p.Control.Info.Replaces
}

func (p *rootPackage) triggers() []string {
	if !p.unpacked() {
		return nil
	}
	return p.Control.Info.Triggers
}

// scripts returns the package's scripts in the database's order, the last one of each type.
func (p *rootPackage) scripts() []apk.Script {
	if !p.unpacked() {
		return nil
	}
	var sorted []apk.Script
	for _, kind := range apk.ScriptTypes() {
		for _, s := range slices.Backward(p.Control.Scripts) {
			if s.Type == kind {
				sorted = append(sorted, s)
				break
			}
		}
	}
	return sorted
}

// skip notes that a member is not installed. What was there before is no member.
func (p *rootPackage) skip(member string, reason SkipReason, by int) {
	if p.index < 0 {
		return
	}
	p.skips = append(p.skips, Skip{Member: member, Reason: reason, By: by})
}

type verdict int

const (
	neither verdict = iota
	keepOld
	takeNew
)

// replacesFile decides which package's file stays if both have the same path. The answer is the same for all their
// files.
func (in *installer) replacesFile(old, new *rootPackage) verdict {
	pair := [2]*rootPackage{old, new}
	v, known := in.verdicts[pair]
	if !known {
		v = in.replacesAny(old, new)
		in.verdicts[pair] = v
	}
	return v
}

func (in *installer) replacesAny(a, b *rootPackage) verdict {
	sameOrigin := a.Package.Origin != "" && a.Package.Origin == b.Package.Origin
	if a.Package.Name == b.Package.Name || sameOrigin && in.root.o.Dialect == apk.Dialect2 {
		return takeNew
	}
	if in.root.o.Dialect == apk.Dialect3 && a.going {
		return takeNew
	}
	pa, pb := a.priorityOver(b, in.root.o.Dialect), b.priorityOver(a, in.root.o.Dialect)
	switch {
	case cmp.Less(pb, pa):
		return keepOld
	case pb >= 0, sameOrigin:
		return takeNew
	}
	return neither
}

// priorityOver returns the package's replaces_priority if it replaces the other one, or -1.
func (p *rootPackage) priorityOver(other *rootPackage, dialect apk.Dialect) int {
	for _, d := range p.replaces() {
		if d.Name == other.Package.Name && !d.Conflict && d.MatchesVersion(dialect, other.Package.Version) {
			return p.replacesPriority()
		}
	}
	return -1
}
