package apk

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/semaphore"
)

const (
	indexFile       = "APKINDEX.tar.gz"
	maxIndexRaw     = 64 << 20  // Alpine's largest is below 3 MiB
	maxIndexPlain   = 512 << 20 // ... and below 20 MiB inflated
	maxDescription  = 4 << 10
	noarch          = "noarch"
	indexTextMember = "APKINDEX"
	indexDescMember = "DESCRIPTION"
)

// IndexOptions describe the expected index and who may have signed it.
type IndexOptions struct {
	Arch       string      // the architecture whose index is read
	Keyring    *Keyring    // nil accepts every index (--allow-untrusted)
	Repository *Repository // set in the index and its packages
	Name       string      // its URL, for errors; FetchIndex fills it in
	Cache      Cache       // stores what FetchIndex read; may be nil
	// Parsing bounds how many indexes are parsed at the same time: each takes several times the size of its file. nil: no
	// bound.
	Parsing *semaphore.Weighted
}

// Opener opens a URL or the path of a file.
type Opener interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// LoadIndex reads the index of o.Repository for o.Arch. It tries the mirrors in turn. If no mirror has a trusted index,
// the error joins the errors of all.
func LoadIndex(ctx context.Context, src Opener, o IndexOptions) (*Index, error) {
	f, err := FetchIndex(ctx, src, o)
	if err != nil {
		return nil, err
	}
	return f.Open(ctx)
}

// ReadIndex reads an APKINDEX.tar.gz. It returns nothing before the signature is verified. See TrustError.
func ReadIndex(r io.Reader, o IndexOptions) (*Index, error) {
	x, err := readIndex(context.Background(), r, o)
	return x.Index, err
}

// readIndex reads an index. It also returns which key signed it and when it was made, but not the hash of its file.
func readIndex(ctx context.Context, r io.Reader, o IndexOptions) (compactIndex, error) {
	t := newTap(r, maxIndexRaw)
	if t.startsWith(adbMagic) {
		return compactIndex{}, fmt.Errorf("reading index %q: it is of apk v3 (ADB), which is not supported yet; only v2 is", o.Name)
	}
	sigs, err := leadingSignatures(t)
	if err != nil {
		return compactIndex{}, fmt.Errorf("reading index %q: %w", o.Name, err)
	}
	v := newVerifier(o.Name, sigs)
	if t.err != nil && !errors.Is(t.err, io.EOF) { // the source failed, so a missing signature means nothing
		return compactIndex{}, fmt.Errorf("reading index %q: %w", o.Name, t.err)
	}
	if o.Keyring != nil && len(sigs) == 0 {
		return compactIndex{}, v.verify(ctx, o.Keyring, o.Arch)
	}
	if err := t.divert(v); err != nil {
		return compactIndex{}, err
	}
	index, made, err := readIndexStreams(t, o)
	if o.Keyring != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errTooLarge) {
		// Report the signature's fault rather than a malformed text, since the person who altered the index may have caused
		// both. A truncated index is reported as truncated: its signature cannot be verified.
		if drained := drain(t); drained != nil {
			err = drained
		} else if untrusted := v.verify(ctx, o.Keyring, o.Arch); untrusted != nil {
			return compactIndex{}, untrusted
		}
	}
	if err != nil {
		return compactIndex{}, fmt.Errorf("reading index %q: %w", o.Name, err)
	}
	return compactIndex{Index: index, signer: v.signer, made: made}, nil
}

// readIndexStreams reads the gzip members after the signature. Usually there is one. made is when the index was made,
// see indexReader.
func readIndexStreams(t *tap, o IndexOptions) (x *Index, made int64, err error) {
	x = &Index{Repository: o.Repository, Arch: o.Arch}
	ir := indexReader{Index: x, packages: newIndexBuilder()}
	for first := true; first || !t.atEnd(); first = false {
		if err := t.inflate(maxIndexPlain, func(r io.Reader) error { return ir.readMembers(tar.NewReader(r)) }); err != nil {
			return nil, 0, err
		}
	}
	if !ir.listed {
		return nil, 0, fmt.Errorf("%w: it has no %s, so it is not an index of apk v2", ErrDamaged, indexTextMember)
	}
	x.table = ir.packages.Finish()
	return x, ir.made, nil
}

// An indexReader fills an index.
type indexReader struct {
	*Index
	packages *indexBuilder
	listed   bool // the list of packages was found
	// made is the newest time in the signed part of the file: of the list in the tar, or of the build of a package. The
	// list's time changes with each new index, even if that only drops packages. But tools that build reproducibly
	// leave it at 0, so the build times are used as well.
	made int64
}

func (ir *indexReader) readMembers(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch h.Name {
		case indexDescMember:
			err = ir.readDescription(tr)
		case indexTextMember:
			ir.listed = true
			ir.made = max(ir.made, h.ModTime.Unix())
			err = ir.readPackages(tr)
		}
		if err != nil {
			return err
		}
	}
}

func (ir *indexReader) readDescription(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxDescription))
	ir.Description = strings.TrimSpace(string(text))
	return err
}

func (ir *indexReader) readPackages(r io.Reader) error {
	var p Package // the table copies what it needs of it
	room := func() *Package {
		p = Package{Depends: p.Depends[:0], Provides: p.Provides[:0], InstallIf: p.InstallIf[:0]}
		return &p
	}
	return parseIndex(r, room, func(p *Package) error {
		// Solve chooses no package of another architecture. So a mirror cannot serve signed packages of one architecture
		// as those of another.
		if p.Arch == "" {
			p.Arch = ir.Arch
		}
		ir.made = max(ir.made, p.BuildTime)
		return ir.packages.add(p)
	})
}

// drain consumes the rest of the stream.
func drain(t *tap) error {
	if _, err := io.Copy(io.Discard, t); err != nil {
		return err
	}
	return t.flush()
}
