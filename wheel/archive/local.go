package archive

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Bits of a member's flags (APPNOTE.TXT, 4.4.4).
const (
	flagEncrypted  = 1<<0 | 1<<6 | 1<<13
	flagDescriptor = 1 << 3
	flagPatch      = 1 << 5
	flagUTF8       = 1 << 11
	flagsRead      = flagEncrypted | flagDescriptor | flagPatch | flagUTF8 // the others are hints
)

// locate reads the local header of each member, compares it with the central
// one, and finds the packed bytes. Members must follow each other without gaps
// from the file's begin to the directory, so that no reader can see others.
func locate(data io.ReaderAt, members []Member, directoryAt int64) error {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(members[a].header, members[b].header) })
	next := int64(0)
	for i, index := range order {
		m := &members[index]
		if m.header != next {
			return fmt.Errorf("member %q begins at byte %d, not at %d where the one before ends: other readers may see other members", m.Name, m.header, next)
		}
		if next = directoryAt; i+1 < len(order) {
			next = members[order[i+1]].header
		}
		if err := m.locate(data, next); err != nil {
			return fmt.Errorf("member %q: %w", m.Name, err)
		}
	}
	if next != directoryAt {
		return fmt.Errorf("%d bytes before the members' directory belong to no member", directoryAt-next)
	}
	return nil
}

// locate reads the local header at m.header. The member ends at end.
func (m *Member) locate(data io.ReaderAt, end int64) error {
	le := binary.LittleEndian
	head := make([]byte, localSize+len(m.rawName))
	if end-m.header < int64(len(head)) {
		return fmt.Errorf("its local header is cut off")
	}
	if _, err := data.ReadAt(head, m.header); err != nil {
		return err
	}
	switch {
	case string(head[:4]) != localSignature:
		return fmt.Errorf("there is no local header where the directory says")
	case int(le.Uint16(head[26:])) != len(m.rawName) || string(head[localSize:]) != m.rawName:
		return fmt.Errorf("its local header has another name")
	case (le.Uint16(head[6:])^m.flags)&flagsRead != 0 || le.Uint16(head[8:]) != m.Method:
		return fmt.Errorf("its local header has other flags or another method")
	}
	extra := make([]byte, le.Uint16(head[28:]))
	start := m.header + int64(len(head)+len(extra))
	if end-start < m.Packed {
		return fmt.Errorf("its local header and packed bytes overlap the next member")
	}
	if _, err := data.ReadAt(extra, start-int64(len(extra))); err != nil {
		return err
	}
	if err := m.compareLocal(head, extra); err != nil {
		return err
	}
	m.start = start
	return m.readDescriptor(data, end)
}

// compareLocal compares the CRC and the sizes. They may be 0 where a data
// descriptor follows the packed bytes.
func (m *Member) compareLocal(head, extra []byte) error {
	le := binary.LittleEndian
	sizes := []uint64{uint64(le.Uint32(head[22:])), uint64(le.Uint32(head[18:]))}
	if err := wide(sizes, extra); err != nil {
		return err
	}
	crc := le.Uint32(head[14:])
	if m.flags&flagDescriptor != 0 && crc == 0 && sizes[0] == 0 && sizes[1] == 0 {
		return nil
	}
	if crc != m.CRC || sizes[0] != uint64(m.Size) || sizes[1] != uint64(m.Packed) {
		return fmt.Errorf("its local header has another CRC or size")
	}
	return nil
}

// readDescriptor checks what follows the packed bytes: nothing, or a data
// descriptor in one of its four forms, with a signature or without, in 32 or 64 bits.
func (m *Member) readDescriptor(data io.ReaderAt, end int64) error {
	at := m.start + m.Packed
	if m.flags&flagDescriptor == 0 {
		if at != end {
			return fmt.Errorf("%d bytes after its packed bytes belong to no member", end-at)
		}
		return nil
	}
	if size := end - at; size != 12 && size != 16 && size != 20 && size != 24 {
		return fmt.Errorf("its data descriptor has %d bytes", size)
	}
	d := make([]byte, end-at)
	if _, err := data.ReadAt(d, at); err != nil {
		return err
	}
	if len(d)%8 == 0 { // 16 and 24
		if string(d[:4]) != descriptorSignature {
			return fmt.Errorf("its data descriptor has no signature")
		}
		d = d[4:]
	}
	le := binary.LittleEndian
	var packed, size uint64
	if len(d) == 12 {
		packed, size = uint64(le.Uint32(d[4:])), uint64(le.Uint32(d[8:]))
	} else {
		packed, size = le.Uint64(d[4:]), le.Uint64(d[12:])
	}
	if le.Uint32(d) != m.CRC || packed != uint64(m.Packed) || size != uint64(m.Size) {
		return fmt.Errorf("its data descriptor and its header in the directory differ")
	}
	return nil
}
