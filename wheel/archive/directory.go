package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Signatures and sizes of the records of a zip file (APPNOTE.TXT, 4.3).
const (
	localSignature      = "PK\x03\x04"
	centralSignature    = "PK\x01\x02"
	endSignature        = "PK\x05\x06"
	end64Signature      = "PK\x06\x06"
	locatorSignature    = "PK\x06\x07"
	descriptorSignature = "PK\x07\x08"

	localSize   = 30
	centralSize = 46
	endSize     = 22
	end64Size   = 56
	locatorSize = 20
	maxComment  = math.MaxUint16

	full16 = math.MaxUint16 // the value is in the 64-bit record
	full32 = math.MaxUint32
)

// directory is where the central directory is.
type directory struct {
	members      uint64
	offset, size int64
}

// findDirectory reads the end record, which must be the last thing of the file.
func findDirectory(data io.ReaderAt, size int64) (directory, error) {
	const withoutComment = 1 << 10 // hardly any wheel has a comment
	end, err := findEnd(data, size, min(size, withoutComment))
	if end == nil && err == nil {
		end, err = findEnd(data, size, min(size, endSize+maxComment))
	}
	if err != nil {
		return directory{}, err
	}
	if end == nil {
		return directory{}, fmt.Errorf("it is not a zip file: it has no end record")
	}
	if comment := int(binary.LittleEndian.Uint16(end[20:])); endSize+comment != len(end) {
		return directory{}, fmt.Errorf("%d bytes after the end record, which covers %d", len(end)-endSize, comment)
	}
	endAt := size - int64(len(end))
	d, err := readEnd(data, end, endAt)
	if err != nil {
		return d, err
	}
	switch {
	case d.members > maxMembers:
		return d, fmt.Errorf("it has %d members; at most %d are taken", d.members, maxMembers)
	case d.size > maxDirectory:
		return d, fmt.Errorf("its members' directory has %d bytes; at most %d are taken", d.size, maxDirectory)
	}
	return d, nil
}

// findEnd returns the last end record among the last n bytes, with all that follows it; nil where they have none.
func findEnd(data io.ReaderAt, size, n int64) ([]byte, error) {
	tail := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(data, size-n, n), tail); err != nil {
		return nil, err
	}
	at := bytes.LastIndex(tail, []byte(endSignature))
	if at < 0 || len(tail)-at < endSize {
		return nil, nil
	}
	return tail[at:], nil
}

// readEnd reads the end record at endAt, with its 64-bit form where there is one.
func readEnd(data io.ReaderAt, end []byte, endAt int64) (directory, error) {
	le := binary.LittleEndian
	if le.Uint16(end[4:]) != 0 || le.Uint16(end[6:]) != 0 || le.Uint16(end[8:]) != le.Uint16(end[10:]) {
		return directory{}, fmt.Errorf("it is one part of a zip file that is split")
	}
	small := directory{uint64(le.Uint16(end[10:])), int64(le.Uint32(end[16:])), int64(le.Uint32(end[12:]))}
	d, closes, err := readEnd64(data, small, endAt)
	if err != nil {
		return d, err
	}
	if d.offset+d.size != closes {
		return d, fmt.Errorf("the members' directory does not end where the end record begins")
	}
	return d, nil
}

// readEnd64 reads the 64-bit end record before the end record at endAt. It
// returns small where there is none. The directory must end where closes is.
func readEnd64(data io.ReaderAt, small directory, endAt int64) (d directory, closes int64, err error) {
	le := binary.LittleEndian
	var locator [locatorSize]byte
	if endAt >= locatorSize {
		if _, err := data.ReadAt(locator[:], endAt-locatorSize); err != nil {
			return d, 0, err
		}
	}
	if string(locator[:4]) != locatorSignature {
		if small.members == full16 || small.size == full32 || small.offset == full32 {
			return d, 0, fmt.Errorf("the end record names a 64-bit end record, which is missing")
		}
		return small, endAt, nil
	}
	at := endAt - locatorSize - end64Size
	var end [end64Size]byte
	if at >= 0 {
		if _, err := data.ReadAt(end[:], at); err != nil {
			return d, 0, err
		}
	}
	values := [3]uint64{le.Uint64(end[32:]), le.Uint64(end[48:]), le.Uint64(end[40:])}
	switch {
	case string(end[:4]) != end64Signature, le.Uint64(locator[8:]) != uint64(max(at, 0)), le.Uint64(end[4:]) != end64Size-12:
		return d, 0, fmt.Errorf("the 64-bit end record is not where the end record says")
	case le.Uint32(locator[4:]) != 0, le.Uint32(locator[16:]) > 1, le.Uint32(end[16:]) != 0, le.Uint32(end[20:]) != 0, le.Uint64(end[24:]) != values[0]:
		return d, 0, fmt.Errorf("it is one part of a zip file that is split")
	case !agree(small.members, values[0], full16), !agree(uint64(small.offset), values[1], full32), !agree(uint64(small.size), values[2], full32):
		return d, 0, fmt.Errorf("the end record and the 64-bit end record differ")
	case values[1] > uint64(at) || values[2] > uint64(at):
		return d, 0, fmt.Errorf("the members' directory is not in the file")
	}
	return directory{values[0], int64(values[1]), int64(values[2])}, at, nil
}

// agree reports whether a small value is the large one, or refers to it.
func agree(small, large, full uint64) bool { return small == large || small == full }

// readDirectory reads the central directory.
func readDirectory(data io.ReaderAt, d directory) ([]Member, error) {
	// Each member takes centralSize bytes at least: the count is not trusted alone.
	if d.members > uint64(d.size/centralSize) {
		return nil, fmt.Errorf("its directory is too small for %d members", d.members)
	}
	r := bufio.NewReaderSize(io.NewSectionReader(data, d.offset, d.size), int(min(d.size, 64<<10)))
	members := make([]Member, 0, d.members)
	for range d.members {
		m, err := readCentral(r)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := r.ReadByte(); err != io.EOF { //nolint:errorlint // bufio's own
		return nil, fmt.Errorf("its directory has bytes after the last member")
	}
	return members, nil
}

// readCentral reads one header of the central directory.
func readCentral(r io.Reader) (Member, error) {
	le := binary.LittleEndian
	var h [centralSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil || string(h[:4]) != centralSignature {
		return Member{}, fmt.Errorf("its directory is damaged: expected the header of a member")
	}
	nameSize, extraSize := int(le.Uint16(h[28:])), int(le.Uint16(h[30:]))
	rest := make([]byte, nameSize+extraSize+int(le.Uint16(h[32:])))
	if _, err := io.ReadFull(r, rest); err != nil {
		return Member{}, fmt.Errorf("its directory is cut off")
	}
	m := Member{
		flags: le.Uint16(h[8:]), Method: le.Uint16(h[10:]), CRC: le.Uint32(h[16:]), Unix: le.Uint32(h[38:]) >> 16, rawName: string(rest[:nameSize]),
	}
	values := []uint64{uint64(le.Uint32(h[24:])), uint64(le.Uint32(h[20:])), uint64(le.Uint32(h[42:]))}
	if err := wide(values, rest[nameSize:nameSize+extraSize]); err != nil {
		return Member{}, fmt.Errorf("member %.200q: %w", m.rawName, err)
	}
	m.Size, m.Packed, m.header = int64(values[0]), int64(values[1]), int64(values[2])
	if le.Uint16(h[34:]) != 0 {
		return Member{}, fmt.Errorf("member %.200q is in another part of a zip file that is split", m.rawName)
	}
	if err := m.identify(); err != nil {
		return Member{}, fmt.Errorf("member %.200q: %w", m.rawName, err)
	}
	return m, nil
}

// wide replaces values that do not fit in 32 bits by those of the ZIP64 extra field.
func wide(values []uint64, extra []byte) error {
	fields, err := zip64Fields(extra)
	if err != nil {
		return err
	}
	for i := range values {
		if values[i] == full32 && fields != nil {
			if len(fields) < 8 {
				return fmt.Errorf("its ZIP64 extra field is cut off")
			}
			values[i], fields = binary.LittleEndian.Uint64(fields), fields[8:]
		}
		if values[i] > maxSize {
			return fmt.Errorf("its header has a size or offset of %d bytes", values[i])
		}
	}
	return nil
}

// zip64Fields finds the ZIP64 extra field; nil where there is none.
func zip64Fields(extra []byte) (found []byte, err error) {
	const zip64, unicodePath = 0x0001, 0x7075
	for len(extra) >= 4 {
		kind, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if len(extra)-4 < size {
			return nil, fmt.Errorf("an extra field of its header is cut off")
		}
		field := extra[4 : 4+size]
		switch {
		case kind == zip64 && found != nil:
			return nil, fmt.Errorf("its header has two ZIP64 extra fields")
		case kind == zip64:
			found = field
		case kind == unicodePath:
			return nil, fmt.Errorf("its header has a second path in an extra field (0x7075), which only some readers take")
		}
		extra = extra[4+size:]
	}
	return found, nil
}
