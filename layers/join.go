package layers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers/internal/cachedir"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// Join stores a layer of fragments that Splice made, one after the other. It adds the folders of their files (0755,
// 0:0) and an end mark, and compresses only these. The fragments must have the compression of o, and no path may be in
// two of them.
func (s *Store) Join(ctx context.Context, making MakeOptions, fragments []string) (Blob, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, fmt.Errorf("joining %s: %w", strings.Join(fragments, ", "), err)
	}
	key := recipeKey(o, fmt.Sprintf("join v%d", versions.Join), strings.Join(fragments, " "))
	b, err := s.made(ctx, key, func() (Blob, error) {
		f, err := s.dir.Temp()
		if err != nil {
			return Blob{}, err
		}
		b, scan, err := s.join(ctx, o, f, fragments)
		if err != nil {
			cachedir.Discard(f)
			return Blob{}, err
		}
		return s.commit(f, b, scan)
	})
	if err != nil {
		return Blob{}, fmt.Errorf("joining %s: %w", strings.Join(fragments, ", "), err)
	}
	return b, nil
}

func (s *Store) join(ctx context.Context, o compress.Options, f *os.File, fragments []string) (Blob, *scanner, error) {
	scan := newScanner(&s.tools)
	out := &countedWriter{ctx: ctx, w: f, hash: sha256.New(), explain: s.dir.WriteError}
	plain := &countedWriter{ctx: ctx, w: io.Discard, hash: sha256.New()}
	for i, digest := range fragments {
		if err := s.addFragment(ctx, o, scan, digest); err != nil {
			return Blob{}, nil, err
		}
		if err := s.appendFragment(ctx, out, plain, digest, i == 0); err != nil {
			return Blob{}, nil, err
		}
	}
	folders, err := scan.impliedFolders()
	if err == nil {
		err = scan.scan(bytes.NewReader(folders))
	}
	if err == nil && len(scan.faults) > 0 {
		err = &MemberError{fmt.Errorf("the layer would have a fault: %s", scan.faults[0])}
	}
	if err == nil {
		_, err = plain.Write(folders)
	}
	if err == nil {
		err = s.compressTo(ctx, out, o, folders)
	}
	return Blob{
		Digest: formatDigest(out.hash.Sum(nil)), DiffID: formatDigest(plain.hash.Sum(nil)),
		MediaType: o.MediaType(), Size: out.n, TarSize: plain.n,
	}, scan, err
}

// addFragment adds the entries of a fragment to scan.
func (s *Store) addFragment(ctx context.Context, o compress.Options, scan *scanner, digest string) error {
	known, err := s.facts(ctx, digest, true)
	if err != nil {
		return lost(digest, err)
	}
	if known.MediaType != o.MediaType() {
		return fmt.Errorf("fragment %s is %s, and the layer is %s", digest, known.MediaType, o.MediaType())
	}
	if scan.count += known.count; scan.count > maxEntries {
		return fmt.Errorf("the layer has more than %d files", maxEntries)
	}
	if scan.entries = append(scan.entries, known.entries...); len(scan.entries) > maxFacts {
		return fmt.Errorf("names and attributes of the layer's files take more than %d bytes", maxFacts)
	}
	for entry, err := range known.each {
		if err != nil {
			return err
		}
		scan.addPath(entry.Path(), member{kind: regular})
	}
	return nil
}

// appendFragment writes a fragment's compressed bytes to out, and its tar to plain. A fragment that this run made need not be
// inflated, and the first one not if the store knows the state of the hash after its tar.
func (s *Store) appendFragment(ctx context.Context, out, plain *countedWriter, digest string, first bool) error {
	r, err := s.open(digest)
	if err != nil {
		return lost(digest, err)
	}
	defer r.Close()
	tar := s.plains.open(digest)
	if first {
		known, err := s.facts(ctx, digest, true)
		if err == nil && s.resume(plain.hash, digest) {
			plain.n = known.TarSize
			return s.copyFirst(out, r)
		}
	}
	if tar != nil {
		copying := s.copyKnown
		if first {
			copying = s.copyFirst
		}
		if err := copying(out, r); err != nil {
			return err
		}
		return s.copy(plain, tar)
	}
	in, err := s.input(ctx, r, inputOptions{noDiff: true, keep: out})
	if err != nil {
		return fmt.Errorf("reading %s: %w", digest, err)
	}
	defer in.release()
	if _, err := io.Copy(onlyWriter{plain}, onlyReader{in.tar}); err != nil {
		return fmt.Errorf("reading %s: %w", digest, in.explain(err))
	}
	return nil
}

// copyFirst copies a blob to the begin of out. Both hashes are the same then, so the bytes are hashed once.
func (s *Store) copyFirst(out *countedWriter, r io.ReadCloser) error {
	checked, ok := r.(*checkedReader)
	if !ok || out.n != 0 {
		return s.copyKnown(out, r)
	}
	hash := out.hash
	out.hash = unhashed{hash}
	err := s.copy(out, r)
	out.hash = hash
	if err != nil {
		return err
	}
	state, err := checked.hash.(encoding.BinaryMarshaler).MarshalBinary() // all hashes of crypto are one
	if err != nil {
		return err
	}
	return hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// An unhashed hash takes nothing.
type unhashed struct{ hash.Hash }

func (unhashed) Write(b []byte) (int, error) { return len(b), nil }

// copyKnown copies a blob that this run wrote or has checked.
func (s *Store) copyKnown(out *countedWriter, r io.ReadCloser) error {
	var from io.Reader = r
	if checked, ok := r.(*checkedReader); ok {
		from = checked.File()
	}
	return s.copy(out, from)
}

// copy copies with few system calls.
func (s *Store) copy(to io.Writer, from io.Reader) error {
	buffer := s.takeBuffer()
	defer s.giveBuffer(buffer)
	_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, *buffer)
	return err
}

// resume sets h to the state after a fragment's tar, if the store knows it. It reports whether it did.
func (s *Store) resume(h hash.Hash, digest string) bool {
	state, err := s.Record(stateKey(digest))
	if err != nil {
		return false
	}
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		h.Reset() // another version wrote the state: inflate the fragment
		return false
	}
	return true
}

// impliedFolders returns a tar of the folders that members are in and that have no member of their own.
func (s *scanner) impliedFolders() ([]byte, error) {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, p := range slices.Sorted(maps.Keys(s.seen)) {
		if s.seen[p].kind != implied {
			continue
		}
		h := tar.Header{Typeflag: tar.TypeDir, Name: tidyName(p, true), Mode: 0o755, ModTime: spliceTime()}
		if err := tw.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	err := tw.Close()
	return b.Bytes(), err
}

// compressTo compresses b and writes it to w.
func (s *Store) compressTo(ctx context.Context, w io.Writer, o compress.Options, b []byte) error {
	if err := s.presses.Acquire(ctx, o.Weight()); err != nil {
		return err
	}
	defer s.presses.Release(o.Weight())
	packed := bufio.NewWriterSize(w, chunk)
	z, err := s.zstd.Writer(packed, o)
	if err != nil {
		return err
	}
	_, err = z.Write(b)
	return errors.Join(err, z.Close(), packed.Flush())
}
