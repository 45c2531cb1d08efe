package layers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/pyimg/pyimg/internal/inflate"
	"github.com/pyimg/pyimg/layers/internal/compress"
	"github.com/pyimg/pyimg/layers/internal/splice"
)

// A splicer writes the files of a fragment: to tar as they are, and compressed with one of gzip and zstd.
type splicer struct {
	tar  *bufio.Writer // for the diff ID
	scan *scanner
	file *scannedFile // that is being written
	gzip *members     // nil with zstd
	zstd io.WriteCloser
	both io.Writer // to zstd and tar

	decoder inflate.Decoder // with zstd
	header  bytes.Buffer    // what comes before the next content: the padding of the file before, and a tar header
	stream  bytes.Buffer    // a small deflate stream
}

// members writes gzip members with one level.
type members struct {
	*splice.Writer
	level int
}

// compressWith chooses the compressor.
func (w *splicer) compressWith(s *Store, o compress.Options, packed *bufio.Writer) (err error) {
	if o.Compression != "gzip" {
		w.zstd, err = s.zstd.Writer(packed, o)
		w.both = io.MultiWriter(w.zstd, w.tar)
		return err
	}
	w.gzip, _ = s.members.Get().(*members)
	if w.gzip == nil || w.gzip.level != o.Level {
		w.gzip = &members{splice.NewWriter(o.Level), o.Level}
	}
	w.gzip.Reset(packed)
	return nil
}

// giveBack puts the compressor into the pool for the next fragment.
func (w *splicer) giveBack(s *Store) {
	if w.gzip != nil {
		w.gzip.Reset(nil)
		s.members.Put(w.gzip)
	}
}

// write writes all files, with gzip those with a large stream last: the others are closer to each other then.
func (w *splicer) write(files []Deflated) error {
	large := func(d Deflated) bool {
		return w.gzip != nil && !d.Plain && (d.Size >= spliceFrom || d.Data.Size() >= spliceFrom)
	}
	for _, pass := range []bool{false, true} {
		for _, d := range files {
			if large(d) != pass {
				continue
			}
			if err := w.add(d, pass); err != nil {
				return fmt.Errorf("file %q: %w", d.Name, err)
			}
		}
	}
	if err := w.flushHeader(); err != nil { // the padding of the last file
		return err
	}
	if w.gzip != nil {
		return w.gzip.Close()
	}
	return w.zstd.Close()
}

func (w *splicer) add(d Deflated, large bool) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: d.Name, Mode: d.Mode, Size: d.Size, ModTime: spliceTime()}
	tw := tar.NewWriter(&w.header) // only for the header, which it writes at once
	err := tw.WriteHeader(h)
	if err == nil {
		err = w.flushHeader()
	}
	if err == nil {
		w.file, err = w.scan.written(h)
	}
	if err != nil {
		return err
	}
	to := &expected{tar: w.tar, scan: w.file, also: d.Also, size: d.Size}
	if err := w.content(d, io.NewSectionReader(d.Data, 0, d.Data.Size()), to, large); err != nil {
		return err
	}
	if err := to.check(d); err != nil {
		return err
	}
	file := w.file
	w.file = nil
	if err := file.Close(); err != nil {
		return err
	}
	const block = 512 // tar(5)
	w.header.Write(make([]byte, -d.Size&(block-1)))
	return nil
}

// flushHeader writes what comes before a content.
func (w *splicer) flushHeader() error {
	b := w.header.Bytes()
	defer w.header.Reset()
	if len(b) == 0 {
		return nil
	}
	if w.gzip == nil {
		_, err := w.both.Write(b)
		return err
	}
	w.gzip.Record(b)
	_, err := w.tar.Write(b)
	return err
}

// content writes a file's content. An error of data is a DamageError.
func (w *splicer) content(d Deflated, data io.Reader, to *expected, large bool) (err error) {
	switch {
	case w.gzip == nil && d.Plain:
		_, err = io.Copy(io.MultiWriter(w.zstd, to), data)
	case w.gzip == nil:
		_, err = w.decoder.Decode(io.MultiWriter(w.zstd, to), data)
	case d.Plain:
		err = w.gzip.Compress(data, to)
	case large:
		err = w.gzip.Copy(data, to)
	default:
		w.stream.Reset()
		w.stream.Grow(spliceFrom + bytes.MinRead)
		if _, err = w.stream.ReadFrom(data); err == nil {
			err = w.gzip.Join(w.stream.Bytes(), to)
		}
	}
	if errors.Is(err, inflate.ErrDamaged) || errors.Is(err, inflate.ErrTrailing) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &DamageError{fmt.Errorf("%w: %w", err, errSplice)}
	}
	return err
}

var errSplice = errors.New("the file is not what its size and CRC-32 say")

// expected passes a content on, and compares it with its size and CRC-32.
type expected struct {
	tar  io.Writer
	scan io.Writer
	also io.WriteCloser
	size int64 // that is left
	crc  uint32
}

func (e *expected) Write(b []byte) (int, error) {
	if e.size -= int64(len(b)); e.size < 0 {
		return 0, &DamageError{fmt.Errorf("it has more bytes than expected: %w", errSplice)}
	}
	e.crc = crc32.Update(e.crc, crc32.IEEETable, b)
	if e.also != nil {
		if _, err := e.also.Write(b); err != nil {
			return 0, err
		}
	}
	if _, err := e.scan.Write(b); err != nil {
		return 0, err
	}
	return e.tar.Write(b)
}

// check compares the whole.
func (e *expected) check(d Deflated) error {
	switch {
	case e.size != 0:
		return &DamageError{fmt.Errorf("it has %d bytes, expected %d: %w", d.Size-e.size, d.Size, errSplice)}
	case e.crc != d.CRC:
		return &DamageError{fmt.Errorf("its CRC-32 is %08x, expected %08x: %w", e.crc, d.CRC, errSplice)}
	case e.also != nil:
		return e.also.Close()
	}
	return nil
}
