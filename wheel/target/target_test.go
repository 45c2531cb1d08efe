package target_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel/target"
)

func make313(t *testing.T, p target.Python) target.Target {
	t.Helper()
	got, err := target.New("linux/test", p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTagsOfCPython(t *testing.T) {
	t.Parallel()
	tags := make313(t, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: "x86_64"}).Tags.Tags()
	if len(tags) != 132 {
		t.Errorf("%d tags, want the 132 that pip has", len(tags))
	}
	index := func(tag string) int {
		for i, have := range tags {
			if have == tag {
				return i
			}
		}
		t.Errorf("no tag %s", tag)
		return -1
	}
	ordered := strings.Fields(`cp313-cp313-musllinux_1_2_x86_64 cp313-cp313-musllinux_1_0_x86_64 cp313-cp313-linux_x86_64 cp313-abi3-musllinux_1_2_x86_64
		cp313-none-musllinux_1_2_x86_64 cp312-abi3-linux_x86_64 cp32-abi3-musllinux_1_2_x86_64 py313-none-musllinux_1_2_x86_64 py3-none-linux_x86_64
		py312-none-linux_x86_64 py30-none-linux_x86_64 cp313-none-any py313-none-any py3-none-any py312-none-any py30-none-any`)
	for i := 1; i < len(ordered); i++ {
		if index(ordered[i-1]) >= index(ordered[i]) {
			t.Errorf("%s does not come before %s", ordered[i-1], ordered[i])
		}
	}
}

func TestFreeThreadedPythonTakesNoStableABI(t *testing.T) {
	t.Parallel()
	got := make313(t, target.Python{Version: "3.14.0", Musl: "1.2", Machine: "aarch64", FreeThreaded: true})
	if first := got.Tags.Tags()[0]; first != "cp314-cp314t-musllinux_1_2_aarch64" {
		t.Errorf("the first tag is %s", first)
	}
	for _, tag := range got.Tags.Tags() {
		if strings.Contains(tag, "abi3") {
			t.Errorf("the tags have %s", tag)
		}
	}
	if got.ExtSuffix != ".cpython-314t-aarch64-linux-musl.so" {
		t.Errorf("EXT_SUFFIX %s", got.ExtSuffix)
	}
}

func TestDebugBuildTakesReleaseModules(t *testing.T) {
	t.Parallel()
	tags := make313(t, target.Python{Version: "3.13.5", Musl: "1.2", Machine: "x86_64", Debug: true}).Tags.Tags()
	if tags[0] != "cp313-cp313d-musllinux_1_2_x86_64" || tags[4] != "cp313-cp313-musllinux_1_2_x86_64" {
		t.Errorf("the tags begin %q", tags[:5])
	}
}

func TestMachinesOfAlpine(t *testing.T) {
	t.Parallel()
	for alpine, want := range map[string][2]string{
		"x86_64": {"x86_64", "x86_64-linux-musl"}, "aarch64": {"aarch64", "aarch64-linux-musl"}, "armv7": {"armv7l", "arm-linux-musleabihf"},
		"armhf": {"armv6l", "arm-linux-musleabihf"}, "x86": {"i686", "i386-linux-musl"}, "ppc64le": {"ppc64le", "powerpc64le-linux-musl"},
		"s390x": {"s390x", "s390x-linux-musl"}, "riscv64": {"riscv64", "riscv64-linux-musl"}, "loongarch64": {"loongarch64", "loongarch64-linux-musl"},
	} {
		machine, ok := target.Machine(alpine)
		if !ok || machine != want[0] {
			t.Errorf("Machine(%q) = %q, %v, want %q", alpine, machine, ok, want[0])
			continue
		}
		got := make313(t, target.Python{Version: "3.12.1", Musl: "1.2", Machine: machine})
		if suffix := ".cpython-312-" + want[1] + ".so"; got.ExtSuffix != suffix {
			t.Errorf("%s: EXT_SUFFIX %s, want %s", alpine, got.ExtSuffix, suffix)
		}
		if first := "cp312-cp312-musllinux_1_2_" + machine; got.Tags.Tags()[0] != first || got.Environment.PlatformMachine != machine {
			t.Errorf("%s: first tag %s, machine %s", alpine, got.Tags.Tags()[0], got.Environment.PlatformMachine)
		}
	}
	if m, ok := target.Machine("mips"); ok {
		t.Errorf("Machine(mips) = %q", m)
	}
}

func TestReleaseCandidateIsSpeltInTwoWays(t *testing.T) {
	t.Parallel()
	env := make313(t, target.Python{Version: "3.15.0rc2", Musl: "1.2", Machine: "x86_64"}).Environment
	if env.PythonFullVersion != "3.15.0rc2" || env.ImplementationVersion != "3.15.0c2" || env.PythonVersion != "3.15" {
		t.Errorf("environment %+v", env)
	}
}

func TestNewRefusesWhatIsNoCPythonOnMusl(t *testing.T) {
	t.Parallel()
	for _, p := range []target.Python{
		{}, {Version: "3.13.5", Musl: "1.2"}, {Version: "3.13.5", Machine: "x86_64"}, {Version: "2.7.18", Musl: "1.2", Machine: "x86_64"},
		{Version: "3.13", Musl: "1.2", Machine: "x86_64"}, {Version: "3.13.5", Musl: "2.39", Machine: "x86_64"}, {Version: "3.999999.1", Musl: "1.2", Machine: "x86_64"},
		{Version: "3.13.5", Musl: "1.99999", Machine: "x86_64"}, {Version: "3.13.5", Musl: "1.2", Machine: "vax"},
	} {
		if got, err := target.New("linux/test", p); err == nil {
			t.Errorf("New(%+v) has %d tags, want an error", p, len(got.Tags.Tags()))
		}
	}
}

// TestTagsEqualPips compares with what pip 25.1.1 printed in a chroot.
func TestTagsEqualPips(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]string{"amd64": "x86_64", "arm64": "aarch64"} {
		data, err := os.ReadFile(filepath.Join("../../../shared/conformance/wheels/expected", "tags."+arch+".json"))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("needs the conformance data of ../shared")
		}
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Tags    []string
			Markers map[string]string
			Suffix  string `json:"EXT_SUFFIX"`
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		got := make313(t, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
		if diff := cmp.Diff(want.Tags, got.Tags.Tags()); diff != "" {
			t.Errorf("%s: tags (-pip +pyimg):\n%s", arch, diff)
		}
		e := got.Environment
		markers := map[string]string{
			"implementation_name": e.ImplementationName, "implementation_version": e.ImplementationVersion, "os_name": e.OSName,
			"platform_machine": e.PlatformMachine, "platform_system": e.PlatformSystem, "platform_python_implementation": e.PythonImplementation,
			"python_version": e.PythonVersion, "python_full_version": e.PythonFullVersion, "sys_platform": e.SysPlatform,
			"platform_release": want.Markers["platform_release"], "platform_version": want.Markers["platform_version"],
		}
		if diff := cmp.Diff(want.Markers, markers); diff != "" {
			t.Errorf("%s: markers (-pip +pyimg):\n%s", arch, diff)
		}
		if got.ExtSuffix != want.Suffix {
			t.Errorf("%s: EXT_SUFFIX %s, want %s", arch, got.ExtSuffix, want.Suffix)
		}
	}
}
