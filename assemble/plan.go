package assemble

import (
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
)

// keyring is what apk is to check signatures with: nil where none are asked for.
func keyring(s input.Access) *apk.Keyring {
	switch {
	case s.AllowUntrusted:
		return nil
	case s.Keyring == nil:
		return apk.NewKeyring() // trusts nothing
	}
	return s.Keyring
}

// indexOptions are those of an index of any repository for an architecture of Alpine's.
func indexOptions(s input.Access, arch string) apk.IndexOptions {
	o := apk.IndexOptions{Arch: arch, Keyring: keyring(s)}
	if s.Store != nil {
		o.Cache = s.Store
	}
	return o
}

// Plan says which bytes an image is made of, for each platform. Everything in it is pinned by a digest.
type Plan struct {
	Spec      spec.Spec
	Platforms []PlatformPlan // in the order of the image index

	repositories spec.Repositories
	files        *lock.Files    // by a lock; nil: as they are
	bytecode     *lock.Bytecode // by a lock
	locked       bool           // by a lock: packages hold no more than it says, until their control streams are read
}

// PlatformPlan is the plan for one platform.
type PlatformPlan struct {
	Platform spec.Platform
	Dialect  apk.Dialect
	World    []apk.Dependency // what was asked for, by the spec and by what the runtimes need
	Packages []*apk.Package   // in install order
	Tags     []string         // by package: the tag that opened its repository, see solve.Solution
	Runtimes []runtime.Ingested
	Preload  string            // path of the allocator's library in the image; "" without one
	Env      map[string]string // that the runtimes and the allocator ask for
	Created  time.Time         // that of the lock; zero where none is in force
	Notes    []string          // what a person should know

	allocator spec.Allocator // the spec's, settled for this platform
}
