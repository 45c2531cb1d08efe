package gitinfo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// A pack is a file of many objects, with an index that is sorted by their names. See gitformat-pack(5).
type pack struct {
	index, data io.ReaderAt
	hash        int64 // bytes of an object's name
	count       int64 // objects
	closers     []io.Closer
}

const (
	indexHead = 8          // signature and version of an index
	fanout    = 4 * 256    // bytes of the table of first bytes
	maxChain  = 100        // deltas on deltas; git makes 50
	large     = 1 << 31    // an offset with this bit is in a table of its own
	maxCount  = 1<<31 - 1  // objects of a pack
	maxEntry  = 1<<20 + 64 // bytes of a compressed tag that are looked at
)

func (p *pack) close() {
	for _, c := range p.closers {
		_ = c.Close() // it was only read
	}
}

func (p *pack) readHeader() error {
	head := make([]byte, indexHead)
	if _, err := p.index.ReadAt(head, 0); err != nil {
		return errDamaged
	}
	if !bytes.Equal(head, []byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}) {
		return errors.New("expected a pack index of version 2; git repack writes one")
	}
	count, err := p.number(indexHead + fanout - 4)
	if err != nil || count > maxCount {
		return errDamaged
	}
	p.count = count
	return nil
}

// number reads four bytes of the index.
func (p *pack) number(at int64) (int64, error) {
	var b [4]byte
	if _, err := p.index.ReadAt(b[:], at); err != nil {
		return 0, errDamaged
	}
	return int64(binary.BigEndian.Uint32(b[:])), nil
}

// find returns where an object begins in the pack.
func (p *pack) find(name []byte) (at int64, found bool, err error) {
	low, high := int64(0), int64(0)
	if name[0] > 0 {
		if low, err = p.number(indexHead + 4*(int64(name[0])-1)); err != nil {
			return 0, false, err
		}
	}
	if high, err = p.number(indexHead + 4*int64(name[0])); err != nil {
		return 0, false, err
	}
	if low > high || high > p.count {
		return 0, false, errDamaged
	}
	names := int64(indexHead + fanout)
	have := make([]byte, p.hash)
	for low < high {
		middle := (low + high) / 2
		if _, err := p.index.ReadAt(have, names+middle*p.hash); err != nil {
			return 0, false, errDamaged
		}
		switch c := bytes.Compare(have, name); {
		case c == 0:
			at, err := p.offset(middle)
			return at, err == nil, err
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, false, nil
}

// offset returns where the object of a place in the index begins.
func (p *pack) offset(i int64) (int64, error) {
	offsets := indexHead + fanout + p.count*(p.hash+4) // after names and checksums
	at, err := p.number(offsets + 4*i)
	if err != nil || at < large {
		return at, err
	}
	var b [8]byte
	if _, err := p.index.ReadAt(b[:], offsets+4*p.count+8*(at-large)); err != nil {
		return 0, errDamaged
	}
	wide := binary.BigEndian.Uint64(b[:])
	if wide > 1<<62 {
		return 0, errDamaged
	}
	return int64(wide), nil
}

// read returns the type of an object and, if it is a tag, its content. depth is how many deltas led to it.
func (p *pack) read(at int64, depth int) (kind byte, content []byte, err error) {
	if depth > maxChain {
		return 0, nil, errDamaged
	}
	in := bufio.NewReader(io.NewSectionReader(p.data, at, maxEntry))
	first, err := in.ReadByte()
	if err != nil {
		return 0, nil, errDamaged
	}
	kind = first >> 4 & 7
	size := uint64(first & 0xf)
	if first&0x80 != 0 {
		if size, err = varint(in, size, 4); err != nil {
			return 0, nil, err
		}
	}
	base := int64(0)
	switch kind {
	case typeTag:
		content, err = inflated(in, size)
		return kind, content, err
	case typeOfsDelta:
		base, err = p.relative(in, at)
	case typeRefDelta:
		base, err = p.named(in)
	default:
		return kind, nil, nil // its content is not needed
	}
	if err != nil {
		return 0, nil, err
	}
	kind, below, err := p.read(base, depth+1)
	if err != nil || kind != typeTag {
		return kind, nil, err
	}
	delta, err := inflated(in, size)
	if err != nil {
		return 0, nil, err
	}
	content, err = patch(below, delta)
	return kind, content, err
}

// relative reads how far before a delta its base is.
func (p *pack) relative(in io.ByteReader, at int64) (int64, error) {
	back := int64(0)
	for {
		b, err := in.ReadByte()
		if err != nil || back >= 1<<55 {
			return 0, errDamaged
		}
		back |= int64(b & 0x7f)
		if b&0x80 == 0 {
			break
		}
		back = (back + 1) << 7
	}
	if back <= 0 || back >= at {
		return 0, errDamaged
	}
	return at - back, nil
}

// named reads the name of the base of a delta.
func (p *pack) named(in io.Reader) (int64, error) {
	name := make([]byte, p.hash)
	if _, err := io.ReadFull(in, name); err != nil {
		return 0, errDamaged
	}
	at, found, err := p.find(name)
	if err == nil && !found {
		err = errMissing // git writes no pack whose bases are elsewhere
	}
	return at, err
}
