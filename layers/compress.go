package layers

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/therootcompany/xz"
)

// The first bytes of compressed streams: RFC 1952, RFC 8878 (also its skippable frames, 0x184D2A50 to 5F).
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// errPlain says that bytes are not compressed in a way that the store reads.
var errPlain = errors.New("neither gzip nor zstd")

// An inflater turns a compressed stream into plain bytes.
type inflater struct {
	io.Reader
	mediaType string
	release   func()
}

// inflaters are used again for one stream after the other.
type inflaters struct{ gzips, zstds sync.Pool }

// inflate chooses by the first bytes: names and media types may be wrong.
func (f *inflaters) inflate(r *bufio.Reader) (inflater, error) {
	head, err := r.Peek(4)
	if len(head) == 0 && err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return inflater{}, err
	}
	switch {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		return f.gunzip(r)
	case string(head) == zstdMagic,
		len(head) == 4 && head[0]&0xf0 == 0x50 && string(head[1:]) == "\x2a\x4d\x18":
		return f.unzstd(r)
	case string(head) == xzMagic:
		z, err := xz.NewReader(r, maxDictionary)
		return inflater{z, mediaTypeXZ, func() {}}, err
	case bytes.HasPrefix(head, []byte(bzip2Magic)):
		return inflater{bzip2.NewReader(r), mediaTypeBzip2, func() {}}, nil
	}
	return inflater{}, errPlain
}

// The first bytes of compressions that tarballs may have and layers may not.
const (
	xzMagic    = "\xfd7zX"
	bzip2Magic = "BZh"
)

// isLayerType reports whether a layer may have this media type.
func isLayerType(mediaType string) bool {
	return mediaType == MediaTypeGzip || mediaType == MediaTypeZstd
}

func (f *inflaters) gunzip(r io.Reader) (inflater, error) {
	z, _ := f.gzips.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	if err := z.Reset(r); err != nil {
		return inflater{}, noEOF(err)
	}
	return inflater{z, MediaTypeGzip, func() { f.gzips.Put(z) }}, nil
}

func (f *inflaters) unzstd(r io.Reader) (inflater, error) {
	z, _ := f.zstds.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return inflater{}, err
		}
	}
	if err := z.Reset(r); err != nil {
		return inflater{}, err
	}
	release := func() {
		_ = z.Reset(nil) // lets go of r
		f.zstds.Put(z)
	}
	return inflater{z, MediaTypeZstd, release}, nil
}

// MakeOptions say how a made layer is compressed.
type MakeOptions struct {
	Compression string // "gzip" or "zstd"; "" means gzip
	// Level is 1 to 9 for gzip and 1 to 22 for zstd; 0 means 6 for gzip and 3 for zstd. Zstd's levels select one of four speeds:
	// 1 and 2, 3 to 5, 6 to 9, 10 and more.
	Level int
}

// fill sets the defaults. It returns an error if the compression is unknown or does not have the level.
func (o MakeOptions) fill() (MakeOptions, error) {
	most := 9
	switch o.Compression {
	case "", "gzip":
		o.Compression = "gzip"
		if o.Level == 0 {
			o.Level = 6
		}
	case "zstd":
		most = 22
		if o.Level == 0 {
			o.Level = 3
		}
	default:
		return o, fmt.Errorf("compression %q: want gzip or zstd", o.Compression)
	}
	if o.Level < 1 || o.Level > most {
		return o, fmt.Errorf("%s level %d: want 1 to %d", o.Compression, o.Level, most)
	}
	return o, nil
}

const (
	// gzipBlock is what one goroutine compresses at a time, with the end of the block before as its dictionary.
	gzipBlock = 256 << 10
	// zstdWindow makes the encoder cut its input into blocks of four times as much.
	zstdWindow = 512 << 10
	// zstdJobs blocks are compressed at once. Each takes some 10 MB. The encoder cuts blocks only if there is more than one job.
	zstdJobs = 2
	// zstdSlow is the first level at which an encoder takes so much memory that it gets one job, with a large window.
	zstdSlow = 10
)

// compressor returns a writer that compresses into w. The caller must close it, which ends its goroutines. The caller
// has filled o and acquired its weight of presses.
//
// The compressed bytes depend only on the input and on o: there is no name and no time in them, and blocks have a fixed
// size, whatever the number of cores.
func (e *zstdEncoder) compressor(w io.Writer, o MakeOptions) (io.WriteCloser, error) {
	if o.Compression == "zstd" {
		return e.take(w, o.Level)
	}
	z, err := pgzip.NewWriterLevel(w, o.Level)
	if err != nil {
		return nil, err
	}
	const most = 8 // blocks at once
	return gzipWriter{z}, z.SetConcurrency(gzipBlock, min(runtime.GOMAXPROCS(0), most))
}

// A zstdEncoder is used again for one layer after the other: making one costs more than compressing a small layer.
type zstdEncoder struct {
	encoder *zstd.Encoder
	level   int
}

// take returns an encoder that writes to w. The caller must have closed the one before it.
func (e *zstdEncoder) take(w io.Writer, level int) (_ io.WriteCloser, err error) {
	if e.encoder != nil && e.level == level {
		e.encoder.Reset(w)
		return e.encoder, nil
	}
	options := []zstd.EOption{
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithLowerEncoderMem(true), zstd.WithEncoderConcurrency(1),
	}
	if level < zstdSlow {
		options = append(options, zstd.WithWindowSize(zstdWindow), zstd.WithConcurrentBlocks(true), zstd.WithEncoderConcurrency(zstdJobs))
	}
	e.encoder = nil // before the next one is made
	e.encoder, err = zstd.NewWriter(w, options...)
	e.level = level
	return e.encoder, err
}

// gzipWriter ends its goroutines even after a failed write.
type gzipWriter struct{ *pgzip.Writer }

func (z gzipWriter) Close() error {
	err := z.Writer.Close()
	if err != nil {
		z.Reset(io.Discard)
	}
	return err
}

// presses bounds the memory of compressors, over all layers that are made at the same time.
const presses = 2

// weight is how much of presses one layer takes. Zstd takes all of it.
func (o MakeOptions) weight() int64 {
	if o.Compression == "zstd" {
		return presses
	}
	return 1
}

func (o MakeOptions) mediaType() string {
	if o.Compression == "zstd" {
		return MediaTypeZstd
	}
	return MediaTypeGzip
}
