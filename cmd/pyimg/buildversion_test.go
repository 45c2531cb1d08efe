package main

import (
	"runtime/debug"
	"testing"
)

func TestVersionOf(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	for name, c := range map[string]struct {
		set      string
		info     debug.BuildInfo
		want     string
		revision string
	}{
		"a release":                         {"", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision}}, "v1.2.3", revision.Value},
		"go install module@version":         {"", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3", ""},
		"a commit":                          {"", debug.BuildInfo{Main: debug.Module{Version: "v1.2.4-0.20261128120000-0123456789ab"}, Settings: []debug.BuildSetting{revision}}, "v1.2.4-0.20261128120000-0123456789ab", revision.Value},
		"a tree with changes":               {"", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{revision}}, "v1.2.3+dirty", revision.Value},
		"go run":                            {"", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "(devel)", ""},
		"no information":                    {"", debug.BuildInfo{}, "(devel)", ""},
		"the sources without git, packaged": {"v1.2.3-r0", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "v1.2.3-r0", ""},
	} {
		if got := versionOf(c.set, &c.info); got.Version != c.want || got.Revision != c.revision || got.Go == "" || got.Platform == "" {
			t.Errorf("%s: %+v, want the version %q and the revision %q", name, got, c.want, c.revision)
		}
	}
}
