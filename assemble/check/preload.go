package check

import (
	"debug/elf"
	"path"
	"strings"
)

// preload checks each library in LD_PRELOAD. On musl a missing one ends every process of the image at its start
// (ldso/dynlink.c); glibc complains and goes on, ld.so(8). Both take spaces and colons between names. It returns the paths of those that are there.
func (c *checker) preload() map[string]bool {
	found := map[string]bool{}
	const check = "preload"
	severity := Error
	if !c.musl {
		severity = Warning
	}
	for _, lib := range strings.FieldsFunc(c.env("LD_PRELOAD"), func(r rune) bool { return r == ' ' || r == ':' }) {
		at := lib
		if !strings.Contains(lib, "/") {
			o, dir := c.rules("").search(lib, nil)
			if o == nil {
				c.find(severity, check, "", "give its absolute path", "LD_PRELOAD names %q, which no folder has that is searched", lib)
				continue
			}
			at = path.Join(dir, lib)
		}
		n, err := c.Tree.Lookup(at)
		if err != nil {
			c.find(severity, check, at, "add the package or runtime that has it, or choose another allocator", "LD_PRELOAD names %s: %v", lib, err)
			continue
		}
		o := c.objects[n.Path]
		if o == nil || o.Type != elf.ET_DYN {
			c.find(severity, check, at, "name a shared library", "LD_PRELOAD names %s, which is not a shared library", lib)
			continue
		}
		if c.barrier(c.user, at) != "" || !c.user.may(n, mayRead) {
			c.find(severity, check, at, "let it be read by everyone", "LD_PRELOAD names %s, which the user %s may not read", lib, c.user.who())
		}
		found[n.Path] = true
		c.preloaded(severity, at, o)
	}
	return found
}

func (c *checker) preloaded(severity Severity, at string, o *object) {
	switch {
	case !c.fits(o):
		c.find(severity, "preload", at, "take a build for "+c.Platform, "LD_PRELOAD names %s: %s is for %s with %d bits, %s needs %s",
			at, "/"+o.at, o.Machine, o.Class, c.Platform, c.Machine)
	case c.musl && o.GLIBC():
		c.find(severity, "preload", at, "take a build for musl", "LD_PRELOAD names %s, which is built for glibc (%s): every process would end at its start", at, glibcSign(o))
	case isAllocator(o) && !o.Malloc:
		c.find(Error, "allocator", at, "build it without a prefix for its names, or choose another allocator",
			"LD_PRELOAD names %s, which exports no function malloc: it would be loaded and never used", at)
	}
	if c.Machine == elf.EM_AARCH64 && c.fits(o) && strings.Contains(path.Base(o.at)+o.Soname, "jemalloc") {
		c.pageSize(at, o)
	}
}

func isAllocator(o *object) bool {
	for _, name := range []string{"malloc", "snmalloc", "scudo", "hoard"} { // jemalloc, mimalloc, tcmalloc among them
		if strings.Contains(path.Base(o.at), name) || strings.Contains(o.Soname, name) {
			return true
		}
	}
	return false
}

// pageSize warns of a jemalloc that gives up on kernels with larger pages than it was built for: those of 64-bit ARM have
// 4, 16 (Apple, Raspberry Pi 5) or 64 KiB (some servers).
func (c *checker) pageSize(at string, o *object) {
	const largest = 64 << 10
	const fix = "build it --with-lg-page=16, or take mimalloc"
	switch {
	case o.Page == 0:
		c.find(Warning, "page-size", at, fix, "%s is a jemalloc whose page size cannot be read from its code: built for 4 KiB it ends every process on arm64 kernels with pages of 16 or 64 KiB", at)
	case o.Page < largest:
		c.find(Warning, "page-size", at, fix, "%s is a jemalloc built for pages of %d KiB: it ends every process on arm64 kernels with larger ones", at, o.Page>>10)
	}
}
