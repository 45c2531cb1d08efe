package layers

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// A Deflated is a file whose content exists as a deflate stream, such as a member of a zip archive.
type Deflated struct {
	Name string // its path in the root, without a leading slash
	Mode int64  // permission bits
	Size int64  // of the content
	CRC  uint32 // CRC-32 (IEEE) of the content
	Data *io.SectionReader
	// Plain says that Data is the content itself. Otherwise Data is a raw deflate stream (RFC 1951) and nothing else.
	Plain bool
}

// spliceFrom is the size from which a deflate stream goes into a layer as it is. Smaller files are compressed together
// with their neighbours: that takes fewer bytes than a gzip member each, and hardly more CPU.
const spliceFrom = 4 << 10

// spliceTime is the time of spliced files: the earliest that a zip archive can hold, so that people can zip the files
// again.
func spliceTime() time.Time { return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC) }

// Splice stores a fragment, which Join makes a layer of. A fragment is a compressed tar of files, owned by 0:0, without
// folders and without an end mark. With gzip, a deflate stream of 4 KiB or more becomes a gzip member as it is (RFC
// 1952, 2.2: gzip members may follow each other). Splice compresses everything else.
//
// The files come in the given order, the spliced ones last. The recipe names the files and everything that they depend
// on. If the fragment is stored, Splice does not call open. What open returns need not be valid after Splice.
func (s *Store) Splice(ctx context.Context, recipe string, o MakeOptions, open func() ([]Deflated, error)) (Blob, error) {
	o, err := o.fill()
	if err != nil {
		return Blob{}, fmt.Errorf("splicing %q: %w", title(recipe), err)
	}
	b, err := s.made(ctx, o.key(fmt.Sprintf("splice v%d", versions.Splice), recipe), func() (Blob, error) {
		files, err := open()
		if err != nil {
			return Blob{}, err
		}
		return s.splice(ctx, o, files)
	})
	if err != nil {
		return Blob{}, fmt.Errorf("splicing %q: %w", title(recipe), err)
	}
	return b, nil
}

func (s *Store) splice(ctx context.Context, o MakeOptions, files []Deflated) (Blob, error) {
	if len(files) == 0 {
		return Blob{}, errors.New("it has no files")
	}
	if err := s.presses.Acquire(ctx, o.weight()); err != nil {
		return Blob{}, err
	}
	defer s.presses.Release(o.weight())
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	b, err := s.spliceTo(ctx, o, f, files)
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	return b, nil
}

// spliceTo writes a fragment to f, in one pass, and stores it:
//
//	file -> tar -> SHA-256 (diff ID), scanner
//	            -> compressor, or the deflate stream itself -> SHA-256 (digest) -> f
func (s *Store) spliceTo(ctx context.Context, o MakeOptions, f *os.File, files []Deflated) (Blob, error) {
	out := &countedWriter{ctx: ctx, w: f, hash: sha256.New(), explain: s.dir.WriteError}
	packed := bufio.NewWriterSize(out, chunk)
	scan := newScanner(&s.tools)
	scanning := startScan(scan)
	plain := &countedWriter{ctx: ctx, w: scanning, hash: sha256.New()}
	buffer := s.takeBuffer()
	defer s.giveBuffer(buffer)
	w := &splicer{out: packed, tar: bufio.NewWriterSize(plain, plainChunk), buffer: (*buffer)[:plainChunk]}
	err := w.compressWith(s, o)
	if err != nil {
		return Blob{}, scanning.wait(err)
	}
	defer w.giveBack(s)
	if err = w.write(files, o.Compression == "gzip"); err == nil {
		err = errors.Join(w.tar.Flush(), packed.Flush())
	}
	if err != nil && o.Compression == "zstd" {
		_ = w.own.Close() // ends its goroutines; what it wrote is thrown away
		s.zstd.encoder = nil
	}
	if err := scanning.wait(err); err != nil {
		return Blob{}, err
	}
	if len(scan.faults) > 0 {
		return Blob{}, &MemberError{fmt.Errorf("the layer would have a fault: %s", scan.faults[0])}
	}
	b := Blob{
		Digest: formatDigest(out.hash.Sum(nil)), DiffID: formatDigest(plain.hash.Sum(nil)),
		MediaType: o.mediaType(), Size: out.n, TarSize: plain.n,
	}
	if err := s.recordState(b.Digest, plain.hash); err != nil {
		return Blob{}, err
	}
	return s.commit(f, b, scan)
}

// A splicer writes the files of a fragment.
type splicer struct {
	out    *bufio.Writer // compressed
	tar    *bufio.Writer // the tar, for the diff ID
	own    io.WriteCloser
	begin  func() // starts a new stream of own, if own writes one stream after the other
	open   bool   // own has begun
	buffer []byte

	packed  *bufio.Reader
	inflate io.ReadCloser
}

// compressWith chooses the compressor of what is not spliced. For gzip it is one without goroutines, since it starts
// again after each spliced file.
func (w *splicer) compressWith(s *Store, o MakeOptions) (err error) {
	if o.Compression != "gzip" {
		w.own, err = s.zstd.compressor(w.out, o)
		w.begin = func() {}
		return err
	}
	m, _ := s.members.Get().(*memberWriter)
	if m == nil || m.level != o.Level {
		m = &memberWriter{level: o.Level}
		m.Writer, err = gzip.NewWriterLevel(io.Discard, o.Level)
	}
	w.own, w.begin = m, func() { m.Reset(w.out) }
	return err
}

// giveBack puts the compressor into the pool for the next fragment.
func (w *splicer) giveBack(s *Store) {
	if m, ok := w.own.(*memberWriter); ok {
		m.Reset(io.Discard)
		s.members.Put(m)
	}
}

// A memberWriter writes gzip members of one level.
type memberWriter struct {
	*gzip.Writer
	level int
}

// write writes all files, the spliced ones last: the others compress better as neighbours.
func (w *splicer) write(files []Deflated, splice bool) error {
	spliced := func(d Deflated) bool { return splice && !d.Plain && d.Data.Size() >= spliceFrom }
	for _, pass := range []bool{false, true} {
		for _, d := range files {
			if spliced(d) != pass {
				continue
			}
			if err := w.file(d, pass); err != nil {
				return fmt.Errorf("file %q: %w", d.Name, err)
			}
		}
	}
	return w.end()
}

func (w *splicer) file(d Deflated, splice bool) error {
	header := tar.NewWriter(ownAndTar{w}) // only for the header, which it writes at once
	err := header.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: d.Name, Mode: d.Mode, Size: d.Size, ModTime: spliceTime()})
	if err != nil {
		return err
	}
	d.Data = io.NewSectionReader(d.Data, 0, d.Data.Size()) // it may have been read before
	content := w.content
	if splice {
		content = w.splice
	}
	if err := content(d); err != nil {
		return err
	}
	const record = 512 // tar(5)
	if rest := d.Size % record; rest > 0 {
		_, err = ownAndTar{w}.Write(make([]byte, record-rest))
	}
	return err
}

// content compresses a file.
func (w *splicer) content(d Deflated) error {
	w.source(d.Data)
	if d.Plain {
		return w.copy(ownAndTar{w}, w.packed, d)
	}
	return w.inflated(ownAndTar{w}, d)
}

// splice makes a gzip member out of a deflate stream.
func (w *splicer) splice(d Deflated) error {
	if err := w.end(); err != nil {
		return err
	}
	header := [10]byte{0x1f, 0x8b, 8, 9: 255} // RFC 1952, 2.3: deflate, no flags, no time, of an unknown system
	if _, err := w.out.Write(header[:]); err != nil {
		return err
	}
	w.source(io.TeeReader(d.Data, w.out))
	if err := w.inflated(w.tar, d); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, d.CRC)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(d.Size)) // modulo 1<<32
	_, err := w.out.Write(trailer)
	return err
}

func (w *splicer) source(r io.Reader) {
	if w.packed == nil {
		w.packed = bufio.NewReaderSize(nil, plainChunk)
	}
	w.packed.Reset(r)
}

// inflated writes the content of the deflate stream in w.packed, and checks that nothing follows the stream.
func (w *splicer) inflated(to io.Writer, d Deflated) error {
	if w.inflate == nil {
		w.inflate = flate.NewReader(w.packed)
	} else if err := w.inflate.(flate.Resetter).Reset(w.packed, nil); err != nil {
		return err
	}
	if err := w.copy(to, w.inflate, d); err != nil {
		return err
	}
	if _, err := w.packed.ReadByte(); !errors.Is(err, io.EOF) {
		return &DamageError{fmt.Errorf("bytes follow its deflate stream: %w", errSplice)}
	}
	return nil
}

var errSplice = errors.New("the file is not what its size and CRC-32 say")

// copy writes the content of a file and compares it with its size and CRC-32.
func (w *splicer) copy(to io.Writer, from io.Reader, d Deflated) error {
	crc, size := uint32(0), int64(0)
	for {
		n, err := from.Read(w.buffer)
		if size += int64(n); size > d.Size {
			return &DamageError{fmt.Errorf("it has more than %d bytes: %w", d.Size, errSplice)}
		}
		crc = crc32.Update(crc, crc32.IEEETable, w.buffer[:n])
		if _, err := to.Write(w.buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return &DamageError{err}
		}
	}
	if size != d.Size {
		return &DamageError{fmt.Errorf("it has %d bytes, expected %d: %w", size, d.Size, errSplice)}
	}
	if crc != d.CRC {
		return &DamageError{fmt.Errorf("its CRC-32 is %08x, expected %08x: %w", crc, d.CRC, errSplice)}
	}
	return nil
}

// end closes the stream that own has begun.
func (w *splicer) end() error {
	if !w.open {
		return nil
	}
	w.open = false
	return w.own.Close()
}

// ownAndTar writes what is compressed again, and not spliced.
type ownAndTar struct{ w *splicer }

func (o ownAndTar) Write(b []byte) (int, error) {
	if !o.w.open {
		o.w.begin()
		o.w.open = true
	}
	if n, err := o.w.own.Write(b); err != nil {
		return n, err
	}
	return o.w.tar.Write(b)
}

// stateKey is the key of the record that holds the state of the diff ID's hash after a fragment. If a layer begins with
// the fragment, its hash goes on from that state, and the fragment need not be inflated again.
func stateKey(digest string) string { return "state of the diff ID of " + digest }

func (s *Store) recordState(digest string, h any) error {
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary() // all hashes of crypto are one
	if err != nil {
		return err
	}
	return s.SetRecord(stateKey(digest), state)
}
