package assemble

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheel/source"
)

// Inputs are the files that an image is made of: where they are and what they must be. Nothing of them is read.
type Inputs struct {
	Repositories []spec.Repository
	Platforms    []PlatformInputs
}

// PlatformInputs are the files of one platform.
type PlatformInputs struct {
	Platform spec.Platform
	Packages []InputPackage // their Repository is one of Inputs.Repositories
	Runtimes []InputRuntime
	Wheels   []InputWheel
}

// InputWheel is a wheel.
type InputWheel struct {
	source.File          // as the lock has it, with its SHA-256 and size; a path is ready to be opened
	Public      string   // its URL or path as it may be written down
	Others      []string // URLs of mirrors that have it, too
}

// Location is where the wheel is.
func (w InputWheel) Location() string { return cmp.Or(w.Path, w.URL) }

// InputPackage is a package. Without a lock, Data is not known.
type InputPackage struct {
	*apk.Package
	Data string // digest of its data stream; "" where it is not known, or the package unpacks nothing
}

// InputRuntime is a runtime's tarball, or the image that it comes out of.
type InputRuntime struct {
	URL    string // ready to be opened; an image is "image:" and its reference
	Public string // as it may be written down
	Digest string // of the tarball, or of the image's manifest for the platform
}

// Image is the reference of the image that the runtime comes out of; "" for a tarball.
func (r InputRuntime) Image() string {
	if ref, ok := strings.CutPrefix(r.URL, spec.FromImage); ok {
		return ref
	}
	return ""
}

// LockInputs are the files that a lock names, for the spec that it fits.
func LockInputs(l lock.Lock, spec spec.Spec) (Inputs, error) {
	plan, err := lockedPackages(l, spec, nil)
	if err != nil {
		return Inputs{}, err
	}
	in := plan.Inputs()
	for i, p := range l.Platforms {
		for j := range in.Platforms[i].Packages {
			q := &in.Platforms[i].Packages[j]
			q.Data = p.Packages[slices.IndexFunc(p.Packages, func(o lock.Package) bool { return o.Name == q.Name })].Data
		}
		if p.Base != nil {
			in.Platforms[i].Runtimes = append(in.Platforms[i].Runtimes, baseInput(spec, p.Platform, *p.Base))
		}
		for j, r := range spec.Tarballs(p.Platform) {
			if j >= len(p.Runtimes) {
				return in, &lock.Error{File: l.Name, Err: fmt.Errorf(`it has %d runtimes for %s, the spec more; write it again with "pyimg lock"`, len(p.Runtimes), p.Platform)}
			}
			at, err := runtime.Locked(r, spec, p.Platform, p.Runtimes[j])
			if err != nil {
				return in, l.Named(err)
			}
			in.Platforms[i].Runtimes = append(in.Platforms[i].Runtimes, InputRuntime{at.URL, at.Public, at.Digest})
		}
		for _, w := range p.Wheels {
			at, err := lockedWheel(w, spec)
			if err != nil {
				return in, l.Named(err)
			}
			in.Platforms[i].Wheels = append(in.Platforms[i].Wheels, InputWheel{File: at, Public: cmp.Or(w.Path, w.URL)})
		}
	}
	return in, nil
}

// baseInput is the image that another one is built on, as an input. It is an image as those that runtimes come out of.
func baseInput(s spec.Spec, p spec.Platform, b lock.Base) InputRuntime {
	return InputRuntime{spec.FromImage + s.BaseRef(p), b.Source().URL, b.Digest}
}

// Inputs are the packages, runtimes and bases of a plan, but not its wheels: nothing but a lock vouches for them.
func (p Plan) Inputs() Inputs {
	in := Inputs{Repositories: p.repositories, Platforms: make([]PlatformInputs, len(p.Platforms))}
	for i, pp := range p.Platforms {
		in.Platforms[i].Platform = pp.Platform
		for _, pkg := range pp.Packages {
			in.Platforms[i].Packages = append(in.Platforms[i].Packages, InputPackage{Package: pkg})
		}
		if pp.Base != nil {
			in.Platforms[i].Runtimes = append(in.Platforms[i].Runtimes, baseInput(p.Spec, pp.Platform, pp.Base.Locked))
		}
		for _, r := range pp.Runtimes {
			in.Platforms[i].Runtimes = append(in.Platforms[i].Runtimes, InputRuntime{r.URL, r.Public, r.Digest})
		}
	}
	return in
}

// SpecInputs are the spec's repositories and platforms, and no packages yet.
func SpecInputs(s spec.Spec) (Inputs, error) {
	rs, err := s.SourceRepositories()
	if err != nil {
		return Inputs{}, err
	}
	p := Plan{repositories: rs, Platforms: make([]PlatformPlan, len(s.Platforms))}
	for i := range s.Platforms {
		p.Platforms[i].Platform = s.Platforms[i]
	}
	return p.Inputs(), nil
}
