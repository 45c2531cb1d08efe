package archive

import (
	"fmt"
	"io"
)

// Bounds of an archive. They are part of what a wheel may be.
const (
	// maxMembers is three times what the largest real wheels have.
	maxMembers = 100_000
	// maxDirectory holds maxMembers with names of 300 bytes.
	maxDirectory = 32 << 20
	// maxSize of one member, against sums that overflow.
	maxSize = 1 << 40
	// An archive may unpack to smallUnpacked bytes, and to maxRatio times its own
	// size above that. Text compresses to a tenth, zeros to a thousandth.
	smallUnpacked = 64 << 20
	maxRatio      = 100
)

// The methods of a member.
const (
	Stored   = 0
	Deflated = 8
)

// Member is a file or a folder of an archive.
type Member struct {
	Name    string // a canonical relative path; of a folder without the last slash
	Dir     bool
	Unix    uint32 // mode with the kind of file, as st_mode has it; 0 where it is not known
	Method  uint16 // Stored or Deflated
	CRC     uint32 // CRC-32 (IEEE) of the unpacked bytes
	Size    int64  // unpacked
	Packed  int64
	header  int64 // offset of the local header
	start   int64 // offset of the packed bytes
	flags   uint16
	rawName string
}

// Executable reports whether the member is a file with a bit of execution set, as
// pip decides it.
func (m Member) Executable() bool {
	return m.Unix&typeMask == typeFile && m.Unix&0o111 != 0
}

// Archive is an open zip file whose headers are sound.
type Archive struct {
	Members []Member // in the order of the central directory
	data    io.ReaderAt
	buffers *Buffers
}

// Open reads the headers of the zip file of size bytes.
func Open(data io.ReaderAt, size int64) (*Archive, error) { return new(Buffers).Open(data, size) }

// Open reads the headers of the zip file of size bytes.
func (b *Buffers) Open(data io.ReaderAt, size int64) (*Archive, error) {
	d, err := findDirectory(data, size)
	if err != nil {
		return nil, err
	}
	a := &Archive{data: data, buffers: b}
	if a.Members, err = readDirectory(data, d); err != nil {
		return nil, err
	}
	if err := checkUnpacked(a.Members, size); err != nil {
		return nil, err
	}
	if err := checkPaths(a.Members); err != nil {
		return nil, err
	}
	if err := locate(data, a.Members, d.offset); err != nil {
		return nil, err
	}
	return a, nil
}

// checkUnpacked refuses archives that unpack to far more than they are.
func checkUnpacked(members []Member, size int64) error {
	limit := int64(smallUnpacked) + maxRatio*size
	total := int64(0)
	for _, m := range members {
		if total += m.Size; total > limit {
			return fmt.Errorf("the unpacked size of %d bytes of archive is more than %d bytes (at %q): such an archive is made to fill disks", size, limit, m.Name)
		}
	}
	return nil
}

// Raw is the member's packed bytes: a raw deflate stream where it is Deflated.
func (a *Archive) Raw(m Member) *io.SectionReader {
	return io.NewSectionReader(a.data, m.start, m.Packed)
}
