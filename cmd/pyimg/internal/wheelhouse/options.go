package wheelhouse

import (
	"cmp"
	"fmt"
	"runtime"
	"sync"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/host"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheels/build"
)

// memoryOfBuild is what a build is expected to take where the configuration sets no limit: compilers of C++ take one or two gigabytes.
const memoryOfBuild = 2 << 30

// BuildOptions fit the builds into the machine, and report them on stderr. work is the folder for what is not kept; jobs of 0 leave the
// number of builds at once to the configuration and the machine.
func (h *House) BuildOptions(run *session.Session, work string, jobs int) build.Options {
	limits := h.Config.Limits
	free := host.FreeMemory()
	each := cmp.Or(limits.Memory, memoryOfBuild)
	if jobs = cmp.Or(jobs, limits.Jobs); jobs <= 0 {
		jobs = max(min(runtime.GOMAXPROCS(0), int(free/each)), 1)
	}
	memory := cmp.Or(limits.Memory, max(free*3/4, memoryOfBuild)) // not all of them take the most at once
	targets := h.Builder.Targets()
	var once sync.Once
	return build.Options{
		Config: h.Config, Planner: h.Planner, Roots: h.Builder, Index: h.Index.Repository, Download: h.Download, Folders: h.folders, Work: work, Jobs: jobs,
		Limits: sandbox.Limits{Time: limits.Time, Memory: memory, Disk: memory, Processes: 4096, Output: 8 << 30},
		Notice: func(n sandbox.Notice) {
			if n.Warning {
				once.Do(func() { run.Warn(n.Text) })
			}
		},
		Progress: func(e build.Event) {
			fmt.Fprintf(run.Stderr, "pyimg: [%d/%d] %s %s for %s\n", e.Done, e.All, e.Text, e.Item.Name(), PlatformName(targets[e.Item.Target]))
		},
	}
}
