package assemble

import (
	"iter"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// require holds Alpine's own Python against what the spec requires of it, now that its package is in the store.
func (j job) require() error {
	for _, r := range j.spec.Runtimes {
		if len(r.Require) == 0 || r.At(j.plan.Platform) != spec.FromAPK {
			continue
		}
		report, err := python.Read(j.pythonEntries())
		if err != nil {
			return err
		}
		if j.plan.Preload != "" {
			report.Allocators = append(report.Allocators, python.Allocator{Name: j.plan.allocator.Library().Name, Path: j.plan.Preload})
		}
		if err := runtime.Required(r, "Alpine's python3", report); err != nil {
			return err
		}
	}
	return nil
}

// pythonEntries are those of the packages that hold Alpine's Python.
func (j job) pythonEntries() iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, u := range j.units {
			if !u.Unpacks() || u.Pkg.Name != "python3" && u.Pkg.Origin != "python3" {
				continue
			}
			for e, err := range j.store.Entries(u.Blob.Digest) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}
