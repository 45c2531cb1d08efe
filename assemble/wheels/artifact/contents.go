package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/internal/registryurl"
)

// Opener opens URLs of registries, see registryurl. Its error is fs.ErrNotExist where there is nothing.
type Opener interface {
	Open(ctx context.Context, location string) (io.ReadCloser, error)
}

// Contents is an index of wheels as a registry has it.
type Contents struct {
	Digest    string // of the index: what a lock pins
	Index     Document
	Manifest  []byte // manifest.json
	Signature []byte // nil where it is not signed
}

// A MissingError says that there is no index of wheels under a reference.
type MissingError struct {
	Reference string
	Err       error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no index of wheels %s (\"pyimg wheels build\" makes one): %v", e.Reference, e.Err)
}

// Unwrap gives the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// ExitCode is that of the registry's answer.
func (e *MissingError) ExitCode() exit.Code { return exit.Of(e.Err) }

// Read reads an index. Everything is checked against the digests that lead to it.
func Read(ctx context.Context, ref registryurl.Reference, from Opener) (Contents, error) {
	c, err := read(ctx, ref, from)
	if err != nil && errors.As(err, new(*MissingError)) {
		return c, err
	}
	if err != nil {
		return c, fmt.Errorf("reading the index of wheels %s: %w", ref, err)
	}
	return c, nil
}

func read(ctx context.Context, ref registryurl.Reference, from Opener) (c Contents, err error) {
	b := bytesOf{from, ref.Repository}
	raw, err := b.get(ctx, registryurl.Location{Repository: ref.Repository, Manifest: ref.Identifier()}, MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return c, &MissingError{ref.String(), err}
	}
	if err != nil {
		return c, err
	}
	if c.Digest = digestOf(raw); ref.Digest != "" && c.Digest != ref.Digest {
		return c, &mismatch.Error{Want: ref.Digest, Got: c.Digest, Size: int64(len(raw)), GotSize: int64(len(raw))}
	}
	if c.Index, err = ParseDocument(raw, IndexType); err != nil {
		return c, err
	}
	list, err := c.Index.List()
	if err != nil {
		return c, err
	}
	if raw, err = b.manifest(ctx, list); err != nil {
		return c, err
	}
	files, err := ParseDocument(raw, ListType)
	if err != nil {
		return c, err
	}
	contents, ok := files.File(ContentsMedia)
	if !ok {
		return c, damagef("its list has no file of the type %s", ContentsMedia)
	}
	if c.Manifest, err = b.blob(ctx, contents, MaxContents); err != nil {
		return c, err
	}
	if signature, ok := files.File(SignatureMedia); ok {
		c.Signature, err = b.blob(ctx, signature, MaxSignature)
	}
	return c, err
}

// bytesOf reads small things of a repository.
type bytesOf struct {
	from       Opener
	repository string
}

func (b bytesOf) get(ctx context.Context, l registryurl.Location, most int64) ([]byte, error) {
	r, err := b.from.Open(ctx, l.String())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, damagef("%s has more than %d bytes", l, most)
	}
	return raw, nil
}

func (b bytesOf) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	return b.checked(ctx, registryurl.Location{Repository: b.repository, Manifest: d.Digest}, d, MaxManifest)
}

func (b bytesOf) blob(ctx context.Context, d Descriptor, most int64) ([]byte, error) {
	name := d.Digest[len("sha256:"):]
	return b.checked(ctx, registryurl.Location{Repository: b.repository, Blob: d.Digest, Name: name}, d, most)
}

func (b bytesOf) checked(ctx context.Context, l registryurl.Location, d Descriptor, most int64) ([]byte, error) {
	if d.Size > most {
		return nil, damagef("%s has %d bytes, more than %d", l, d.Size, most)
	}
	raw, err := b.get(ctx, l, d.Size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damagef("the registry lacks what the index names: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if found := digestOf(raw); found != d.Digest {
		return nil, &mismatch.Error{Name: l.String(), Want: d.Digest, Got: found, Size: d.Size, GotSize: int64(len(raw))}
	}
	return raw, nil
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
