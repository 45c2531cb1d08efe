// Package compress reads and writes the compressions of layers and tarballs. It knows streams of bytes and nothing of what is in
// them.
package compress

import (
	"fmt"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

// Options say how a layer is compressed.
type Options struct {
	Compression string // "gzip" or "zstd"; "" means gzip
	// Level is 1 to 9 for gzip and 1 to 22 for zstd; 0 means 6 for gzip and 3 for zstd. Zstd's levels select one of four speeds:
	// 1 and 2, 3 to 5, 6 to 9, 10 and more.
	Level int
}

// Fill sets the defaults. It returns an error if the compression is unknown or does not have the level.
func (o Options) Fill() (Options, error) {
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

// Writer returns a writer that compresses into w. The caller must close it, which ends its goroutines. The caller
// has filled o and acquired its weight of Presses.
//
// The compressed bytes depend only on the input and on o: there is no name and no time in them, and blocks have a fixed
// size, whatever the number of cores.
func (e *Encoder) Writer(w io.Writer, o Options) (io.WriteCloser, error) {
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

// An Encoder is used again for one layer after the other: making one costs more than compressing a small layer.
type Encoder struct {
	encoder *zstd.Encoder
	level   int
}

// take returns an encoder that writes to w. The caller must have closed the one before it.
func (e *Encoder) take(w io.Writer, level int) (_ io.WriteCloser, err error) {
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

// Forget makes the next layer begin with a new encoder. It is for one that failed: a zstd encoder is in an unknown state then.
func (e *Encoder) Forget() { e.encoder = nil }

// gzipWriter ends its goroutines even after a failed write.
type gzipWriter struct{ *pgzip.Writer }

func (z gzipWriter) Close() error {
	err := z.Writer.Close()
	if err != nil {
		z.Reset(io.Discard)
	}
	return err
}

// Presses bounds the memory of compressors, over all layers that are made at the same time.
const Presses = 2

// Weight is how much of Presses one layer takes. Zstd takes all of it.
func (o Options) Weight() int64 {
	if o.Compression == "zstd" {
		return Presses
	}
	return 1
}

// MediaType is that of the layer.
func (o Options) MediaType() string {
	if o.Compression == "zstd" {
		return MediaTypeZstd
	}
	return MediaTypeGzip
}
