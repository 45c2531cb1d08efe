package target

import (
	"fmt"
	"strconv"
	"strings"
)

// machine is what CPython's files call a machine.
type machine struct {
	alpine  string // Alpine's name
	triplet string // in the names of extension modules
}

// machines are Alpine's architectures by what uname -m, and so the tags of
// wheels, call them. An image for armhf must run on ARM v6, which v7's wheels do not.
func machines() map[string]machine {
	return map[string]machine{
		"x86_64":      {"x86_64", "x86_64-linux-musl"},
		"aarch64":     {"aarch64", "aarch64-linux-musl"},
		"armv7l":      {"armv7", "arm-linux-musleabihf"},
		"armv6l":      {"armhf", "arm-linux-musleabihf"},
		"i686":        {"x86", "i386-linux-musl"},
		"ppc64le":     {"ppc64le", "powerpc64le-linux-musl"},
		"s390x":       {"s390x", "s390x-linux-musl"},
		"riscv64":     {"riscv64", "riscv64-linux-musl"},
		"loongarch64": {"loongarch64", "loongarch64-linux-musl"},
	}
}

// Machine is the machine of an Alpine architecture: "armv7l" for "armv7".
func Machine(alpine string) (string, bool) {
	for name, m := range machines() {
		if m.alpine == alpine {
			return name, true
		}
	}
	return "", false
}

// maxMusl is far above any musl 1.x; the tags grow with it.
const maxMusl = 99

// platformTags are musllinux_1_N, newest first, and linux_MACHINE. PEP 656: a
// wheel for musl 1.1 runs on 1.2.
func platformTags(musl, machine string) ([]string, error) {
	major, rest, _ := strings.Cut(musl, ".")
	text, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(text)
	if err != nil || major != "1" || minor < 0 || minor > maxMusl {
		return nil, fmt.Errorf("expected a version of musl such as 1.2.5, not %q", musl)
	}
	var tags []string
	for ; minor >= 0; minor-- {
		tags = append(tags, fmt.Sprintf("musllinux_%s_%d_%s", major, minor, machine))
	}
	return append(tags, "linux_"+machine), nil
}
