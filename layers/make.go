package layers

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers/internal/cachedir"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// Make stores the layer that write makes. The recipe names what goes into the layer and has a version of how. If a
// layer of this recipe and these options is stored, Make returns it and does not call write. What write writes must
// depend on the recipe only.
//
// Make scans the tar while it compresses it, with the code that reads foreign ones. A member that Ingest refuses, and a
// fault, is an error of Make.
func (s *Store) Make(ctx context.Context, recipe string, making MakeOptions, write func(*tar.Writer) error) (Blob, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, fmt.Errorf("making layer %q: %w", title(recipe), err)
	}
	b, err := s.made(ctx, recipeKey(o, "make", recipe), func() (Blob, error) { return s.build(ctx, o, write) })
	if err != nil {
		return Blob{}, fmt.Errorf("making layer %q: %w", title(recipe), err)
	}
	return b, nil
}

// MakeOptions say how a made layer is compressed.
type MakeOptions struct {
	Compression string // "gzip" or "zstd"; "" means gzip
	// Level is 1 to 9 for gzip and 1 to 22 for zstd; 0 means 6 for gzip and 3 for zstd. Zstd's levels select one of four speeds:
	// 1 and 2, 3 to 5, 6 to 9, 10 and more.
	Level int
}

// fill sets the defaults. It returns an error if the compression is unknown or does not have the level.
func (o MakeOptions) fill() (compress.Options, error) { return compress.Options(o).Fill() }

// recipeKey is the key of the record that names the result of a recipe.
func recipeKey(o compress.Options, how, recipe string) string {
	return fmt.Sprintf("%s %s-%d v%d\n%s", how, o.Compression, o.Level, versions.Compressor, recipe)
}

// title is the part of a recipe that an error shows.
func title(recipe string) string {
	const most = 60
	first, _, _ := strings.Cut(recipe, "\n")
	if len(first) > most {
		return first[:most] + "..."
	}
	return first
}

// made returns the blob recorded under key, or builds and records it.
func (s *Store) made(ctx context.Context, key string, build func() (Blob, error)) (Blob, error) {
	leave, err := s.flights.enter(ctx, key)
	if err != nil {
		return Blob{}, err
	}
	defer leave()
	b, err := s.recorded(ctx, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = build(); err != nil {
		return Blob{}, err
	}
	return b, s.SetRecord(key, []byte(b.Digest))
}

// recorded returns the blob that the record under key names. It returns fs.ErrNotExist if the record or its blob is
// missing.
func (s *Store) recorded(ctx context.Context, key string) (Blob, error) {
	digest, err := s.Record(key)
	if err != nil {
		return Blob{}, err
	}
	s.relied.on(string(digest))
	r, err := s.facts(ctx, string(digest), true)
	if err != nil {
		return Blob{}, err
	}
	return r.Blob, nil
}

// build stores what write makes, in one pass:
//
//	write -> tar -> SHA-256 (diff ID)
//	             -> scanner (entries, ELF facts)
//	             -> compressor -> SHA-256 (digest)
//	                           -> file
func (s *Store) build(ctx context.Context, o compress.Options, write func(*tar.Writer) error) (Blob, error) {
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	b, scan, err := s.press(ctx, o, f, false, write)
	if err == nil && len(scan.faults) > 0 {
		err = &MemberError{fmt.Errorf("the layer would have a fault: %s", scan.faults[0])}
	}
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	return s.commit(f, b, scan)
}

// press calls write, compresses what it writes, and writes that to w. foreign is the scanner's.
func (s *Store) press(ctx context.Context, o compress.Options, w io.Writer, foreign bool, write func(*tar.Writer) error,
) (Blob, *scanner, error) {
	if err := s.presses.Acquire(ctx, o.Weight()); err != nil {
		return Blob{}, nil, err
	}
	defer s.presses.Release(o.Weight())
	out := &countedWriter{ctx: ctx, w: w, hash: sha256.New(), explain: s.dir.WriteError}
	packed := bufio.NewWriterSize(out, chunk)
	compressed, err := s.zstd.Writer(packed, o)
	if err != nil {
		return Blob{}, nil, err
	}
	scan := newScanner(&s.tools)
	scan.foreign = foreign
	scanning := startScan(scan)
	plain := &countedWriter{ctx: ctx, w: io.MultiWriter(scanning, compressed), hash: sha256.New()}
	buffered := bufio.NewWriterSize(plain, chunk)
	tw := tar.NewWriter(buffered)

	err = write(tw)
	for _, end := range []func() error{tw.Close, buffered.Flush, compressed.Close, packed.Flush} {
		if err == nil {
			err = end()
		}
	}
	if err != nil {
		_ = compressed.Close() // ends its goroutines; what it wrote is thrown away
		if o.Compression == "zstd" {
			s.zstd.Forget()
		}
	}
	if err := scanning.wait(err); err != nil {
		return Blob{}, nil, err
	}
	return Blob{
		Digest: formatDigest(out.hash.Sum(nil)), DiffID: formatDigest(plain.hash.Sum(nil)),
		MediaType: o.MediaType(), Size: out.n, TarSize: plain.n,
	}, scan, nil
}

// A scanning is a scanner that reads what is written.
type scanning struct {
	*io.PipeWriter
	done chan error
}

func startScan(s *scanner) scanning {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.scan(r)
		if err == nil {
			_, err = io.Copy(io.Discard, r) // the archive's padding
		}
		_ = r.CloseWithError(err) // never fails; what is written from now on gets err
		done <- err
	}()
	return scanning{w, done}
}

// wait ends the scan after everything is written, or after err. It returns the error that came first.
func (s scanning) wait(err error) error {
	_ = s.CloseWithError(err) // never fails; nil is the end of the file
	if scanned := <-s.done; scanned != nil && !errors.Is(scanned, err) {
		return scanned // the cause of err
	}
	return err
}

// A countedWriter hashes and counts what it writes.
type countedWriter struct {
	ctx     context.Context //nolint:containedctx // lives for one call; io.Writer has no other way to it
	w       io.Writer
	hash    hash.Hash
	n       int64
	explain func(error) error // of errors of w; may be nil
}

func (c *countedWriter) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	c.hash.Write(b)
	n, err := c.w.Write(b)
	if c.n += int64(n); c.n > maxTarSize {
		return n, fmt.Errorf("it grows beyond %d bytes", int64(maxTarSize))
	}
	if err != nil && c.explain != nil {
		err = c.explain(err)
	}
	return n, err
}
