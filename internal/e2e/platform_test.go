package e2e_test

import (
	"runtime"
	"testing"
)

// A platform is one architecture under the names that Alpine, OCI and qemu
// have for it.
type platform struct{ alpine, oci, qemu string }

// allPlatforms lists what the mirror holds. It is written out here rather than
// taken from the product, whose table it checks.
func allPlatforms() []platform {
	return []platform{
		{"x86_64", "linux/amd64", "x86_64"},
		{"aarch64", "linux/arm64", "aarch64"},
		{"armhf", "linux/arm/v6", "arm"},
		{"armv7", "linux/arm/v7", "arm"},
		{"x86", "linux/386", "i386"},
		{"ppc64le", "linux/ppc64le", "ppc64le"},
		{"s390x", "linux/s390x", "s390x"},
		{"riscv64", "linux/riscv64", "riscv64"},
	}
}

// twoPlatforms are those whose containers the tests start.
func twoPlatforms() []platform { return allPlatforms()[:2] }

func (p platform) native() bool { return p.oci == "linux/"+runtime.GOARCH }

func platformNames(ps []platform) []string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.oci
	}
	return names
}

// forPlatforms runs a parallel subtest for each platform.
func forPlatforms(t *testing.T, ps []platform, f func(*testing.T, platform)) {
	t.Helper()
	for _, p := range ps {
		t.Run(p.alpine, func(t *testing.T) {
			t.Parallel()
			f(t, p)
		})
	}
}
