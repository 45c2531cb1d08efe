package compress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/pyimg/pyimg/internal/inflate"
)

// Media types of layers, see image-spec, layer.md, and this package's own for compressions that tarballs may have and layers may
// not.
const (
	MediaTypeGzip  = "application/vnd.oci.image.layer.v1.tar+gzip"
	MediaTypeZstd  = "application/vnd.oci.image.layer.v1.tar+zstd"
	MediaTypeXZ    = "application/x-xz"
	MediaTypeBzip2 = "application/x-bzip2"
)

const (
	// maxWindow is the largest zstd window that is accepted, as the zstd tool does by default (--long=27).
	maxWindow = 128 << 20
	// maxDictionary is the largest xz dictionary that is accepted: that of the highest level. It is held in memory.
	maxDictionary = 64 << 20
)

// The first bytes of compressed streams: RFC 1952, RFC 8878 (also its skippable frames, 0x184D2A50 to 5F).
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// ErrPlain says that bytes are not compressed in a way that the store reads.
var ErrPlain = errors.New("neither gzip nor zstd")

// A Reader turns a compressed stream into plain bytes.
type Reader struct {
	io.Reader
	MediaType string // of a layer, or one of this package
	Release   func() // gives the memory back for another stream
}

// Readers are used again for one stream after the other. The zero value works.
type Readers struct{ gzips, zstds sync.Pool }

// Open chooses by the first bytes: names and media types may be wrong.
func (f *Readers) Open(r *bufio.Reader) (Reader, error) {
	head, err := r.Peek(4)
	if len(head) == 0 && err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return Reader{}, err
	}
	switch {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		return f.gunzip(r)
	case string(head) == zstdMagic,
		len(head) == 4 && head[0]&0xf0 == 0x50 && string(head[1:]) == "\x2a\x4d\x18":
		return f.unzstd(r)
	case string(head) == xzMagic:
		z, err := xz.NewReader(r, maxDictionary)
		return Reader{z, MediaTypeXZ, func() {}}, err
	case bytes.HasPrefix(head, []byte(bzip2Magic)):
		return Reader{bzip2.NewReader(r), MediaTypeBzip2, func() {}}, nil
	}
	return Reader{}, ErrPlain
}

// The first bytes of compressions that tarballs may have and layers may not.
const (
	xzMagic    = "\xfd7zX"
	bzip2Magic = "BZh"
)

// unexpected turns an end of the stream where more must follow into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// IsLayerType reports whether a layer may have this media type.
func IsLayerType(mediaType string) bool {
	return mediaType == MediaTypeGzip || mediaType == MediaTypeZstd
}

func (f *Readers) gunzip(r io.Reader) (Reader, error) {
	z, _ := f.gzips.Get().(*inflate.Reader)
	if z == nil {
		z = new(inflate.Reader)
	}
	if err := z.Reset(r); err != nil {
		return Reader{}, unexpected(err)
	}
	release := func() {
		_ = z.Reset(nil) // lets go of r
		f.gzips.Put(z)
	}
	return Reader{z, MediaTypeGzip, release}, nil
}

func (f *Readers) unzstd(r io.Reader) (Reader, error) {
	z, _ := f.zstds.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return Reader{}, err
		}
	}
	if err := z.Reset(r); err != nil {
		return Reader{}, err
	}
	release := func() {
		_ = z.Reset(nil) // lets go of r
		f.zstds.Put(z)
	}
	return Reader{z, MediaTypeZstd, release}, nil
}
