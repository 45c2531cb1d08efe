package gitinfo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	maxObject = 1 << 20 // bytes of a tag
	maxPeel   = 8       // tags that name tags
	maxPacks  = 10_000
)

// Types of objects in a pack. See gitformat-pack(5).
const (
	typeTag      = 4
	typeOfsDelta = 6
	typeRefDelta = 7
)

var (
	errMissing = errors.New("the object is not in the repository")
	errDamaged = errors.New("the object is damaged")
)

// objects reads tags. A commit is recognised and not read.
type objects struct {
	repository *repository
	packs      []*pack
	opened     bool
}

func (o *objects) close() {
	for _, p := range o.packs {
		p.close()
	}
}

// peel returns the object that a tag names in the end. It stops at want.
func (o *objects) peel(hash, want string) (string, error) {
	for range maxPeel {
		if hash == want {
			return hash, nil
		}
		tag, err := o.tag(hash)
		if err != nil || tag == nil {
			return hash, err
		}
		line, _, _ := strings.Cut(string(tag), "\n")
		target, ok := strings.CutPrefix(line, "object ")
		if !ok || !o.repository.isHash(target) {
			return hash, errDamaged
		}
		hash = target
	}
	return hash, errors.New("tags name each other")
}

// tag returns the content of a tag; nil for an object of another type.
func (o *objects) tag(hash string) ([]byte, error) {
	f, err := openFile(o.repository.common, "objects/"+hash[:2]+"/"+hash[2:])
	if errors.Is(err, fs.ErrNotExist) {
		return o.packedTag(hash)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return looseTag(f)
}

// looseTag reads an object of its own file: zlib of "TYPE SIZE", a zero byte and the content.
func looseTag(from io.Reader) ([]byte, error) {
	z, err := zlib.NewReader(from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer z.Close()
	content := bufio.NewReader(io.LimitReader(z, maxObject+1))
	begin, err := content.Peek(4)
	if err != nil {
		return nil, errDamaged
	}
	if string(begin) != "tag " {
		return nil, nil
	}
	if _, err := content.ReadString(0); err != nil {
		return nil, errDamaged
	}
	return readObject(content)
}

// readObject reads a content that is small enough.
func readObject(from io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if len(content) > maxObject {
		return nil, fmt.Errorf("a tag has more than %d bytes", maxObject)
	}
	return content, nil
}

func (o *objects) packedTag(hash string) ([]byte, error) {
	if !o.opened {
		o.opened = true
		if err := o.openPacks(); err != nil {
			return nil, err
		}
	}
	name, err := hex.DecodeString(hash)
	if err != nil {
		return nil, err
	}
	for _, p := range o.packs {
		at, found, err := p.find(name)
		if err != nil {
			return nil, err
		}
		if found {
			kind, content, err := p.read(at, 0)
			if err != nil || kind != typeTag {
				return nil, err
			}
			return content, nil
		}
	}
	return nil, errMissing
}

func (o *objects) openPacks() error {
	const dir = "objects/pack"
	root := o.repository.common
	entries, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, isIndex := strings.CutSuffix(e.Name(), ".idx")
		if !isIndex || len(o.packs) == maxPacks {
			continue
		}
		p, err := openPack(root, dir+"/"+base, o.repository.hash)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		o.packs = append(o.packs, p)
	}
	return nil
}

// openPack opens a pack and its index.
func openPack(root *os.Root, base string, hash int) (*pack, error) {
	index, err := openFile(root, base+".idx")
	if err != nil {
		return nil, err
	}
	data, err := openFile(root, base+".pack")
	if err != nil {
		_ = index.Close()
		return nil, err
	}
	p := &pack{index: index, data: data, hash: int64(hash), closers: []io.Closer{index, data}}
	if err := p.readHeader(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// inflated reads a zlib stream of exactly size bytes.
func inflated(from io.Reader, size uint64) ([]byte, error) {
	if size > maxObject {
		return nil, fmt.Errorf("a tag has %d bytes, expected at most %d", size, maxObject)
	}
	z, err := zlib.NewReader(from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer z.Close()
	content, err := readObject(z)
	if err == nil && uint64(len(content)) != size {
		err = errDamaged
	}
	return content, err
}

// varint reads a number of seven bits a byte, the lowest ones first.
func varint(from io.ByteReader, value uint64, shift uint) (uint64, error) {
	for {
		b, err := from.ReadByte()
		if err != nil || shift > 56 {
			return 0, errDamaged
		}
		value |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return value, nil
		}
		shift += 7
	}
}

// patch applies a delta: copies of ranges of base, and new bytes. See gitformat-pack(5), "Deltified representation".
func patch(base, delta []byte) ([]byte, error) {
	in := bytes.NewReader(delta)
	from, err := varint(in, 0, 0)
	if err != nil || from != uint64(len(base)) {
		return nil, errDamaged
	}
	to, err := varint(in, 0, 0)
	if err != nil || to > maxObject {
		return nil, errDamaged
	}
	out := make([]byte, 0, to)
	for in.Len() > 0 {
		op, err := in.ReadByte()
		if err != nil {
			return nil, errDamaged
		}
		piece, err := instruction(op, in, base)
		if err != nil || uint64(len(out)+len(piece)) > to {
			return nil, errDamaged
		}
		out = append(out, piece...)
	}
	if uint64(len(out)) != to {
		return nil, errDamaged
	}
	return out, nil
}

// instruction returns what one instruction of a delta adds.
func instruction(op byte, in *bytes.Reader, base []byte) ([]byte, error) {
	if op == 0 {
		return nil, errDamaged
	}
	if op&0x80 == 0 {
		piece := make([]byte, op)
		_, err := io.ReadFull(in, piece)
		return piece, err
	}
	var numbers [7]uint64 // four bytes of the offset, three of the size
	for i := range numbers {
		if op&(1<<i) == 0 {
			continue
		}
		b, err := in.ReadByte()
		if err != nil {
			return nil, err
		}
		numbers[i] = uint64(b)
	}
	offset := numbers[0] | numbers[1]<<8 | numbers[2]<<16 | numbers[3]<<24
	size := numbers[4] | numbers[5]<<8 | numbers[6]<<16
	if size == 0 {
		size = 0x10000
	}
	if offset > uint64(len(base)) || size > uint64(len(base))-offset {
		return nil, errDamaged
	}
	return base[offset : offset+size], nil
}
