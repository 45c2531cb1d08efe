package assemble

import (
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
)

// Plan says which bytes an image is made of, for each platform. Everything in it is pinned by a digest.
type Plan struct {
	Spec      spec.Spec
	Platforms []PlatformPlan // in the order of the image index
	Warnings  []string       // what a person should know though it stops nothing, each with its platforms

	keys         *apk.Keyring // whose signatures count; nil: none are checked, which the lock notes
	repositories spec.Repositories
	files        *lock.Files    // by a lock; nil: as they are
	bytecode     *lock.Bytecode // by a lock
	wheelIndexes []lock.WheelIndex
	locked       bool // by a lock: packages hold no more than it says, until their control streams are read
}

// PlatformPlan is the plan for one platform.
type PlatformPlan struct {
	Platform spec.Platform
	Base     *base.Image // that the image is built on; nil for none, and before it is read
	Steps    []base.Step // what happens to the base's packages, in order
	Dialect  apk.Dialect
	World    []apk.Dependency // what was asked for, by the spec and by what the runtimes need
	Packages []*apk.Package   // in install order
	Tags     []string         // by package: the tag that opened its repository, see solve.Solution
	Runtimes []runtime.Ingested
	Wheels   []wheels.Wheel    // sorted by file name
	Preload  string            // path of the allocator's library in the image; "" without one
	Env      map[string]string // that the runtimes and the allocator ask for
	Created  time.Time         // that of the lock; zero where none is in force
	Notes    []string          // what a person should know

	allocator spec.Allocator    // the spec's, settled for this platform
	site      wheels.Site       // where the wheels go
	replaced  []string          // files of the base that wheels replace
	bytecode  map[string]string // digests of the lock's layers of bytecode, by name
}

// plainTime is the time of files where SOURCE_DATE_EPOCH sets none: their layer then depends on contents alone, and is
// the same whatever packages lie below it. zip, and so Python's wheels, knows no earlier one.
const plainTime = 315532800 // 1980-01-01T00:00:00Z, in seconds since 1970

// filesTime is the time that all files get; created is that of the image, and may be zero.
func (p Plan) filesTime(created time.Time) time.Time {
	switch {
	case p.files != nil:
		return p.files.Time
	case created.IsZero():
		return time.Unix(plainTime, 0).UTC()
	}
	return created
}
