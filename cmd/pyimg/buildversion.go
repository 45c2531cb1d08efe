package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string //nolint:gochecknoglobals // the linker can set nothing else

type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readVersion says which program this is, by what Go's linker has noted in it.
func readVersion() versionInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(version, info)
}

// versionOf takes the version that a linker's flag has set, as packagers of sources without git do; else that of the module, which Go
// has from the tag, from "go install MODULE@VERSION", or from the commit, with +dirty where no commit has all of it.
func versionOf(set string, info *debug.BuildInfo) versionInfo {
	v := versionInfo{Version: cmp.Or(set, info.Main.Version, "(devel)"), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
