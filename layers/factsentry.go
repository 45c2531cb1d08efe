package layers

import (
	"archive/tar"
	debugelf "debug/elf"
	"strings"
	"time"

	"github.com/pyimg/pyimg/layers/elf"
)

// One bit for each part that some entries lack.
const (
	hasLink = 1 << iota
	hasNanos
	hasDevice
	hasPAX
	hasKept
	hasELF
)

const (
	elfBigEndian = 1 << iota
	elfDynamic
	elfMalloc
	elfSymtab
	elfOpaque
	elfTLS
)

func (e *encoder) entry(entry Entry) {
	h := entry.Header
	pax := foreignPAX(h.PAXRecords)
	e.head(h, entryParts(entry, pax))
	if h.Linkname != "" {
		e.text(h.Linkname)
	}
	if ns := h.ModTime.Nanosecond(); ns != 0 {
		e.uint(uint64(ns))
	}
	if h.Devmajor|h.Devminor != 0 {
		e.int(h.Devmajor)
		e.int(h.Devminor)
	}
	if len(pax) > 0 {
		e.records(pax)
	}
	if entry.Kept != nil {
		e.text(string(entry.Kept))
	}
	if entry.ELF != nil {
		e.elf(entry.ELF)
	}
}

func (e *encoder) head(h *tar.Header, parts uint64) {
	*e = append(*e, h.Typeflag)
	e.uint(parts)
	e.text(h.Name)
	e.uint(uint64(h.Size))
	e.uint(uint64(h.Mode))
	e.int(int64(h.Uid))
	e.int(int64(h.Gid))
	e.text(h.Uname)
	e.text(h.Gname)
	e.int(h.ModTime.Unix())
}

func entryParts(entry Entry, pax map[string]string) (parts uint64) {
	h := entry.Header
	has := func(part uint64, is bool) {
		if is {
			parts |= part
		}
	}
	has(hasLink, h.Linkname != "")
	has(hasNanos, h.ModTime.Nanosecond() != 0)
	has(hasDevice, h.Devmajor|h.Devminor != 0)
	has(hasPAX, len(pax) > 0)
	has(hasKept, entry.Kept != nil)
	has(hasELF, entry.ELF != nil)
	return parts
}

// entry reads the next entry. It fills h, which must be zero.
func (d *decoder) entry(h *tar.Header) Entry {
	if d.rest == "" {
		d.fail()
		return Entry{}
	}
	entry := Entry{Header: h}
	h.Typeflag = d.rest[0]
	d.rest = d.rest[1:]
	parts := d.uint()
	h.Name = d.text()
	h.Size, h.Mode = int64(d.uint()), int64(d.uint())
	h.Uid, h.Gid = int(d.int()), int(d.int())
	h.Uname, h.Gname = d.text(), d.text()
	seconds, nanos := d.int(), uint64(0)
	if parts&hasLink != 0 {
		h.Linkname = d.text()
	}
	if parts&hasNanos != 0 {
		nanos = d.uint()
	}
	h.ModTime = time.Unix(seconds, int64(nanos))
	if parts&hasDevice != 0 {
		h.Devmajor, h.Devminor = d.int(), d.int()
	}
	if parts&hasPAX != 0 {
		entry.Records = d.records()
	}
	if parts&hasKept != 0 {
		entry.Kept = d.bytes()
	}
	if parts&hasELF != 0 {
		entry.ELF = d.elf()
	}
	return entry
}

func (e *encoder) elf(f *elf.Facts) {
	var bits uint64
	for i, has := range []bool{f.BigEndian, f.Dynamic, f.Malloc, f.Symtab, f.Opaque, f.TLS.Has} { // in the order of the elf* constants
		if has {
			bits |= 1 << i
		}
	}
	for _, v := range []uint64{uint64(f.Class), bits, uint64(f.Machine), uint64(f.Type), uint64(f.Flags), f.Align, f.Page} {
		e.uint(v)
	}
	e.text(f.Interp)
	e.text(f.Soname)
	e.text(f.Err)
	e.texts(f.Needed)
	e.texts(f.RPath)
	e.texts(f.RunPath)
	e.text(string(f.Exports))
	e.texts(f.Imports)
	if f.TLS.Has {
		e.uint(uint64(f.TLS.Initial))
		e.uint(uint64(f.TLS.Dynamic))
	}
}

func (d *decoder) elf() *elf.Facts {
	f := &elf.Facts{Class: int(d.uint())}
	bits := d.uint()
	f.BigEndian, f.Dynamic, f.Malloc, f.Symtab = bits&elfBigEndian != 0, bits&elfDynamic != 0, bits&elfMalloc != 0, bits&elfSymtab != 0
	f.Opaque = bits&elfOpaque != 0
	f.Machine, f.Type = debugelf.Machine(d.uint()), debugelf.Type(d.uint())
	f.Flags, f.Align, f.Page = uint32(d.uint()), d.uint(), d.uint()
	f.Interp, f.Soname, f.Err = d.text(), d.text(), d.text()
	f.Needed, f.RPath, f.RunPath = d.texts(), d.texts(), d.texts()
	f.Exports, f.Imports = elf.Hashes(d.text()), d.texts()
	if bits&elfTLS != 0 {
		f.TLS = elf.TLS{Has: true, Initial: int(d.uint()), Dynamic: int(d.uint())}
	}
	return f
}

const paxSparse = "GNU.sparse."

// foreignPAX returns the records that say more than the header's own fields, such as extended attributes and what a
// package manager wrote for itself. For the others see pax(1), "pax Extended Header".
func foreignPAX(records map[string]string) map[string]string {
	var out map[string]string
	for k, v := range records {
		switch k {
		case "path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "atime", "ctime":
			continue
		}
		if strings.HasPrefix(k, paxSparse) {
			continue
		}
		if out == nil {
			out = make(map[string]string, 1)
		}
		out[k] = v
	}
	return out
}
