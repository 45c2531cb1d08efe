package check

import (
	"debug/elf"
	"path"
	"strings"

	"github.com/pyimg/pyimg/assemble/loader"
)

// preload checks each library in LD_PRELOAD and returns the paths of those that exist. If one is missing, musl ends every
// process when it starts (ldso/dynlink.c), and glibc prints a message and goes on, see ld.so(8). Both accept spaces and colons
// between names.
func (c *checker) preload() map[string]bool {
	found := map[string]bool{}
	const check = "preload"
	severity := Error
	if !c.Musl {
		severity = Warning
	}
	for _, lib := range strings.FieldsFunc(c.env("LD_PRELOAD"), func(r rune) bool { return r == ' ' || r == ':' }) {
		at := lib
		if !strings.Contains(lib, "/") {
			o, dir := c.Rules("").Search(lib, nil)
			if o == nil {
				c.find(severity, check, "", "give its absolute path", "LD_PRELOAD names %q, which is in none of the folders that the loader searches", lib)
				continue
			}
			at = path.Join(dir, lib)
		}
		n, err := c.Tree.Lookup(at)
		if err != nil {
			c.find(severity, check, at, "add the package or runtime that contains it, or choose another allocator", "LD_PRELOAD names %s: %v", lib, err)
			continue
		}
		o := c.Objects[n.Path]
		if o == nil || o.Type != elf.ET_DYN {
			c.find(severity, check, at, "name a shared library", "LD_PRELOAD names %s, which is not a shared library", lib)
			continue
		}
		if c.barrier(c.user, at) != "" || !c.user.may(n, mayRead) {
			c.find(severity, check, at, "give it a mode that lets everybody read it", "LD_PRELOAD names %s, which the user %s may not read", lib, c.user.label())
		}
		found[n.Path] = true
		c.preloaded(severity, at, o)
	}
	return found
}

func (c *checker) preloaded(severity Severity, at string, o *loader.Object) {
	switch {
	case !c.fits(o):
		c.find(severity, "preload", at, "use a build for "+c.Platform, "LD_PRELOAD names %s: %s is for %s with %d bits, but %s needs %s",
			at, "/"+o.Path, o.Machine, o.Class, c.Platform, c.Machine)
	case c.Musl && o.GLIBC():
		c.find(severity, "preload", at, "use a build for musl", "LD_PRELOAD names %s, which is built for glibc (%s): every process would end when it starts", at, glibcSign(o))
	case isAllocator(o) && !o.Malloc:
		c.find(Error, "allocator", at, "build it without a prefix for its functions, or choose another allocator",
			"LD_PRELOAD names %s, which exports no function malloc: programs would load it and never use it", at)
	}
	if c.Machine == elf.EM_AARCH64 && c.fits(o) && strings.Contains(path.Base(o.Path)+o.Soname, "jemalloc") {
		c.pageSize(at, o)
	}
}

func isAllocator(o *loader.Object) bool {
	for _, name := range []string{"malloc", "snmalloc", "scudo", "hoard"} { // malloc also matches jemalloc, mimalloc and tcmalloc
		if strings.Contains(path.Base(o.Path), name) || strings.Contains(o.Soname, name) {
			return true
		}
	}
	return false
}

// pageSize warns about a jemalloc that aborts on kernels with larger pages than it was built for. Kernels for 64-bit ARM have
// pages of 4, 16 (Apple, Raspberry Pi 5) or 64 KiB (some servers).
func (c *checker) pageSize(at string, o *loader.Object) {
	const largest = 64 << 10
	const fix = "build it with --with-lg-page=16, or use mimalloc"
	switch {
	case o.Page == 0:
		c.find(Warning, "page-size", at, fix, "%s is a jemalloc whose page size cannot be read from its code: if it was built for 4 KiB, it ends every process on arm64 kernels with pages of 16 or 64 KiB", at)
	case o.Page < largest:
		c.find(Warning, "page-size", at, fix, "%s is a jemalloc built for pages of %d KiB: it ends every process on arm64 kernels with larger pages", at, o.Page>>10)
	}
}
