package bytecode

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

const (
	// maxSource bounds one source: CPython's largest generated modules have some megabytes.
	maxSource = 32 << 20
	// maxSources bounds all sources of an image.
	maxSources = 2 << 30
)

// IsSource reports whether a path is that of a module's source.
func IsSource(name string) bool {
	return strings.HasSuffix(name, ".py") && path.Base(path.Dir(name)) != "__pycache__" && len(path.Base(name)) > len(".py")
}

// Hashes are the SHA-256 of the sources in a stored layer, by path. The store keeps them, so that a layer is read once.
func Hashes(ctx context.Context, store *layers.Store, digest string) (map[string][32]byte, error) {
	key := "hashes of sources 1 " + digest
	if text, err := store.Record(key); err == nil {
		if hashes, ok := parseHashes(string(text)); ok {
			return hashes, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	hashes := make(map[string][32]byte)
	var text strings.Builder
	err := eachSource(ctx, store, digest, func(name string, content io.Reader) error {
		h := sha256.New()
		if _, err := io.Copy(h, content); err != nil {
			return err
		}
		sum := [32]byte(h.Sum(nil))
		hashes[name] = sum
		fmt.Fprintf(&text, "%s %s\n", hexHash(sum), name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, store.SetRecord(key, []byte(text.String()))
}

func parseHashes(text string) (map[string][32]byte, bool) {
	hashes := make(map[string][32]byte)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), " ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != 32 {
			return nil, false
		}
		hashes[name] = [32]byte(raw)
	}
	return hashes, true
}

// eachSource calls do with each source of a stored layer. What is too large to be a source is passed over.
func eachSource(ctx context.Context, store *layers.Store, digest string, do func(name string, content io.Reader) error) error {
	blob, err := store.Blob(digest)
	if err != nil {
		return err
	}
	src := layers.Source{Name: "layer " + digest, Digest: digest, Open: func(context.Context) (io.ReadCloser, error) { return store.Open(digest) }}
	return store.Tar(ctx, src, blob.DiffID, func(r io.Reader) error {
		for t := tar.NewReader(r); ; {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
			if h.Typeflag != tar.TypeReg || !IsSource(name) || h.Size > maxSource || strings.ContainsAny(name, "\n\r") {
				continue
			}
			if err := do(name, t); err != nil {
				return err
			}
		}
	})
}
