package install

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/archive"
)

// maxConflicts bounds how many conflicts one error lists.
const maxConflicts = 20

// Merge checks plans that go into one image, and returns them with each path in
// one of them: a file that several wheels bring with equal bytes stays with the
// wheel whose name is first. It is an error, which names all, where two wheels have
// other bytes at one path, where a path is a file of one and a folder of another,
// and where owned says that the runtime has a file there that no wheel may replace;
// owned may be nil.
func Merge(plans []Plan, owned func(path string) bool) ([]Plan, error) {
	var all []placed
	for i, p := range plans {
		for _, f := range p.Files {
			all = append(all, placed{f, p.Wheel, i})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(archive.ComparePaths(a.Path, b.Path), cmp.Compare(a.wheel, b.wheel))
	})
	merged := make([]Plan, len(plans))
	for i, p := range plans {
		merged[i] = p
		merged[i].Files = nil
	}
	var faults []error
	var before placed
	for _, p := range all {
		if fault := p.conflict(before, owned); fault != nil {
			faults = append(faults, fault)
		}
		if p.Path != before.Path {
			merged[p.plan].Files = append(merged[p.plan].Files, p.File)
			before = p
		}
	}
	if len(faults) > maxConflicts {
		faults = append(faults[:maxConflicts], fmt.Errorf("and %d more", len(faults)-maxConflicts))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("joining the wheels of an image: %w", errors.Join(faults...))
	}
	for _, p := range merged {
		slices.SortFunc(p.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	}
	return merged, nil
}

// placed is a file with the plan that has it.
type placed struct {
	File
	wheel string
	plan  int
}

// conflict compares p with the file before it in the order of ComparePaths.
func (p placed) conflict(before placed, owned func(string) bool) error {
	switch {
	case before.Path == p.Path && before.SHA256 == p.SHA256:
		return nil
	case before.Path == p.Path:
		return fmt.Errorf("wheels %q and %q both bring %q, with different bytes (%s and %s)", before.wheel, p.wheel, p.Path, before.Origin, p.Origin)
	case before.Path != "" && strings.HasPrefix(p.Path, before.Path+"/"):
		return fmt.Errorf("wheel %q brings the file %q, which is a folder in wheel %q", before.wheel, before.Path, p.wheel)
	case owned != nil && owned(p.Path):
		return fmt.Errorf("wheel %q would replace %q of the runtime (%s)", p.wheel, p.Path, p.Origin)
	}
	return nil
}
