package bytecode

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pyimg/pyimg/layers"
)

// An Opener opens layers by their digests. Its error is fs.ErrNotExist where it does not have one.
type Opener interface {
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
}

// Locked takes the layer that a lock has of the sources' bytecode, out of the store or from the opener, which may be nil. The error
// is fs.ErrNotExist where neither has it. What was not made here is checked as far as it can be without a Python: only .pyc files of
// these sources, with their hashes. What their code does the lock's digest vouches for alone, so no build without this lock gets it.
func Locked(ctx context.Context, store *layers.Store, from Opener, p Python, mode Mode, o layers.MakeOptions, sources []Source, digest string) (layers.Blob, error) {
	if made, err := store.Make(ctx, Recipe(p, mode, sources), o, func(*tar.Writer) error { return fs.ErrNotExist }); err == nil && made.Digest == digest {
		return made, nil
	}
	blob, err := store.Blob(digest)
	if errors.Is(err, fs.ErrNotExist) && from != nil {
		blob, err = store.Ingest(ctx, layers.Source{Name: "layer " + digest, Digest: digest,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return from.Open(ctx, digest) }})
	}
	if err != nil {
		return layers.Blob{}, err
	}
	checked := fmt.Sprintf("checked %x", sha256.Sum256([]byte(digest+" "+Recipe(p, mode, sources))))
	if _, err := store.Record(checked); err == nil {
		return blob, nil
	}
	c := &compilation{store: store, python: p, mode: mode, sources: sources}
	defer c.close()
	if err := c.collect(ctx); err != nil {
		return layers.Blob{}, err
	}
	src := layers.Source{Name: "layer " + digest, Digest: digest, Open: func(context.Context) (io.ReadCloser, error) { return store.Open(digest) }}
	if err := store.Tar(ctx, src, blob.DiffID, c.checkLayer); err != nil {
		return layers.Blob{}, fmt.Errorf("checking the bytecode that the lock names: %w", err)
	}
	return blob, store.SetRecord(checked, nil)
}

// checkLayer holds the tar of a layer against the sources. A source may lack its bytecode: it may be no Python.
func (c *compilation) checkLayer(r io.Reader) error {
	want, dirs := make(map[string]content), make(map[string]bool)
	for _, s := range c.contents {
		at := c.python.Compiled(s.source.Path)
		want[at], dirs[path.Dir(at)+"/"] = s, true
	}
	var magic [4]byte
	for t, first := tar.NewReader(r), true; ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s, isWanted := want[h.Name]
		switch {
		case h.Uid != 0 || h.Gid != 0 || len(h.PAXRecords) > 0 || !h.ModTime.Equal(time.Unix(0, 0)):
			return forgedError{fmt.Errorf("/%s has an owner, a time or attributes", h.Name)}
		case h.Typeflag == tar.TypeDir && h.Mode == 0o755 && dirs[h.Name]:
			delete(dirs, h.Name)
			continue
		case h.Typeflag != tar.TypeReg || h.Mode != 0o644 || !isWanted:
			return forgedError{fmt.Errorf("/%s is no bytecode of a module of the image", strings.TrimSuffix(h.Name, "/"))}
		}
		delete(want, h.Name)
		var head [headSize + 1]byte
		if n, err := io.ReadFull(t, head[:]); err != nil {
			return forgedError{fmt.Errorf("/%s has %d bytes", h.Name, n)}
		}
		if first {
			magic, first = [4]byte(head[:]), false
		}
		if err := c.checkHead(magic, head, s); err != nil {
			return forgedError{fmt.Errorf("/%s: %w", h.Name, err)}
		}
	}
}

// checkHead checks the begin of a .pyc file: its header, and that a code object follows it, as marshal writes one.
func (c *compilation) checkHead(magic [4]byte, head [headSize + 1]byte, s content) error {
	const code, reference = 'c', 0x80
	switch {
	case !bytes.Equal(magic[2:], []byte("\r\n")):
		return fmt.Errorf("%x is no magic number", magic)
	case head[headSize]&^reference != code:
		return errors.New("it holds no code")
	}
	return c.check(magic, 'c', head[:], s)
}
