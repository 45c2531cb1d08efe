package spec

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platform is an OCI platform that Alpine has an architecture for.
type Platform struct {
	OS, Architecture, Variant string // as in the OCI image index; only 32-bit arm has a Variant
}

// arch has the names of one architecture for Alpine, OCI, ELF, musl and compilers.
type arch struct {
	alpine   string
	platform Platform
	machine  elf.Machine
	bits     int    // of a pointer
	triple   string // as compilers and release files name it
}

// arches lists Alpine's architectures in the order of an image index. A client takes the first entry that its machine can run, so
// the exact one (arm/v7) comes before others that also run (arm/v6).
//
// containerd/platforms cannot parse Alpine's names: it turns armhf into arm/v7, and returns armv7, x86 and loongarch64
// unchanged.
func arches() []arch {
	p := func(architecture, variant string) Platform { return Platform{"linux", architecture, variant} }
	return []arch{
		{"x86_64", p("amd64", ""), elf.EM_X86_64, 64, "x86_64-linux-musl"},
		{"aarch64", p("arm64", ""), elf.EM_AARCH64, 64, "aarch64-linux-musl"},
		{"armv7", p("arm", "v7"), elf.EM_ARM, 32, "armv7-linux-musleabihf"},
		{"armhf", p("arm", "v6"), elf.EM_ARM, 32, "armv6-linux-musleabihf"},
		{"x86", p("386", ""), elf.EM_386, 32, "i586-linux-musl"},
		{"ppc64le", p("ppc64le", ""), elf.EM_PPC64, 64, "powerpc64le-linux-musl"},
		{"s390x", p("s390x", ""), elf.EM_S390, 64, "s390x-linux-musl"},
		{"riscv64", p("riscv64", ""), elf.EM_RISCV, 64, "riscv64-linux-musl"},
		{"loongarch64", p("loong64", ""), elf.EM_LOONGARCH, 64, "loongarch64-linux-musl"},
	}
}

// ParsePlatform reads a platform as OCI writes it (linux/amd64, linux/arm/v7, arm64) or as Alpine names it (x86_64).
func ParsePlatform(s string) (Platform, error) {
	for _, a := range arches() {
		if a.alpine == s {
			return a.platform, nil
		}
	}
	if !strings.Contains(s, "/") {
		s = "linux/" + s // otherwise containerd/platforms uses the host's OS
	}
	q, err := platforms.Parse(s)
	if err != nil {
		return Platform{}, fmt.Errorf("platform %q: expected OS/ARCH[/VARIANT], such as linux/amd64: %w", s, err)
	}
	q = platforms.Normalize(q)
	p := Platform{q.OS, q.Architecture, q.Variant}
	if p.Architecture == "arm" && p.Variant == "" {
		p.Variant = "v7"
	}
	if p.arch().alpine == "" {
		return Platform{}, fmt.Errorf("platform %q: Alpine has no such architecture; it has %s", s, strings.Join(Platforms(), ", "))
	}
	return p, nil
}

// ParsePlatforms reads a comma-separated list of platforms. The result is in the order of an image index.
func ParsePlatforms(list string) ([]Platform, error) {
	var ps []Platform
	for _, s := range strings.Split(list, ",") {
		p, err := ParsePlatform(strings.TrimSpace(s))
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return sortPlatforms(ps), nil
}

// Platforms returns the names of all platforms that Alpine has an architecture for.
func Platforms() []string {
	var names []string
	for _, a := range arches() {
		names = append(names, a.platform.String())
	}
	return names
}

func (p Platform) arch() arch {
	for _, a := range arches() {
		if a.platform == p {
			return a
		}
	}
	return arch{}
}

// Alpine returns the platform's name in Alpine's repositories, such as x86_64.
func (p Platform) Alpine() string { return p.arch().alpine }

// Machine returns the machine of the platform's ELF files and the number of bits of its pointers. For a platform that Alpine
// does not have it returns elf.EM_NONE, which stands for any machine.
func (p Platform) Machine() (machine elf.Machine, bits int) {
	for _, a := range arches() {
		if a.platform.Architecture == p.Architecture {
			return a.machine, a.bits
		}
	}
	return elf.EM_NONE, 0
}

// String writes the platform as OCI tools do, such as linux/arm/v7.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// platformNames are the names in braces that depend on the platform.
func platformNames() []string {
	return []string{"alpine_arch", "oci_arch", "triple", "arch", "platform"}
}

// Fill replaces the names in braces that depend on the platform: {alpine_arch} (x86_64), {oci_arch} (amd64, armv7), {triple}
// (x86_64-linux-musl), {arch} (amd64, arm) and {platform} (linux/amd64, linux/arm/v7).
func (p Platform) Fill(text string) string {
	a := p.arch()
	return strings.NewReplacer("{alpine_arch}", a.alpine, "{oci_arch}", p.Architecture+p.Variant, "{triple}", a.triple,
		"{arch}", p.Architecture, "{platform}", p.String()).Replace(text)
}

// MarshalText is String, for JSON.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePlatform.
func (p *Platform) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePlatform(string(b))
	return err
}

// OCI returns the platform as an image index has it.
func (p Platform) OCI() *v1.Platform {
	return &v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

// sortPlatforms returns ps without repeats, in the order of [arches].
func sortPlatforms(ps []Platform) []Platform {
	rank := make(map[Platform]int)
	for i, a := range arches() {
		rank[a.platform] = i
	}
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b Platform) int { return cmp.Compare(rank[a], rank[b]) })
	return slices.Compact(ps)
}
