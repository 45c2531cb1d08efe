package apk

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
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

// IndexOptions say what index is wanted and who may have signed it.
type IndexOptions struct {
	Arch       string      // the architecture that it must list; "" accepts any
	Keyring    *Keyring    // nil accepts whatever comes (--allow-untrusted)
	Repository *Repository // set in the index and its packages
	Name       string      // its URL, for errors; LoadIndex fills it in
}

// Opener opens a URL or the path of a file.
type Opener interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// LoadIndex reads the index of o.Repository for o.Arch. The mirrors are tried in turn; when
// none has an index that can be trusted, the error joins what each answered.
func LoadIndex(ctx context.Context, src Opener, o IndexOptions) (*Index, error) {
	if o.Repository == nil || len(o.Repository.Mirrors) == 0 {
		return nil, errors.New("loading index: the repository has no mirrors")
	}
	var faults []error
	for _, mirror := range o.Repository.Mirrors {
		address := mirror + "/" + o.Arch + "/" + indexFile
		index, err := loadFrom(ctx, src, address, o)
		if err == nil {
			return index, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

func loadFrom(ctx context.Context, src Opener, address string, o IndexOptions) (*Index, error) {
	o.Name = withoutUser(address)
	r, err := src.Open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("loading index %q: %w", o.Name, err)
	}
	defer r.Close()
	return readIndex(ctx, r, o)
}

// ReadIndex reads an APKINDEX.tar.gz. Its bytes are hashed as they pass, and nothing is
// returned before the signature over them is verified. See TrustError.
func ReadIndex(r io.Reader, o IndexOptions) (*Index, error) {
	return readIndex(context.Background(), r, o)
}

func readIndex(ctx context.Context, r io.Reader, o IndexOptions) (*Index, error) {
	t := newTap(r, maxIndexRaw)
	if t.startsWith(adbMagic) {
		return nil, fmt.Errorf("reading index %q: it is of apk v3 (ADB), which is not supported yet; only v2 is", o.Name)
	}
	sigs, err := leadingSignatures(t)
	if err != nil {
		return nil, fmt.Errorf("reading index %q: %w", o.Name, err)
	}
	v := newVerifier(o.Name, sigs)
	if o.Keyring != nil && len(sigs) == 0 {
		return nil, v.verify(ctx, o.Keyring, o.Arch)
	}
	if err := t.divert(v); err != nil {
		return nil, err
	}
	index, err := readIndexStreams(t, o)
	if o.Keyring != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errTooLarge) {
		// What an altered index says does not matter, not even where it is malformed. (A
		// truncated one is best called truncated, and has no end to verify at.)
		if drained := drain(t); drained != nil {
			err = drained
		} else if untrusted := v.verify(ctx, o.Keyring, o.Arch); untrusted != nil {
			return nil, untrusted
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading index %q: %w", o.Name, err)
	}
	return index, nil
}

// readIndexStreams reads the gzip members after the signature, of which there is usually one.
func readIndexStreams(t *tap, o IndexOptions) (*Index, error) {
	index := &Index{Repository: o.Repository, Arch: o.Arch}
	found := false
	for first := true; first || !t.atEnd(); first = false {
		err := t.inflate(maxIndexPlain, func(r io.Reader) error {
			listed, err := index.readMembers(tar.NewReader(r))
			found = found || listed
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, fmt.Errorf("no %s in it: it is no index of apk v2", indexTextMember)
	}
	return index, nil
}

// readMembers says whether the list of packages was among them.
func (x *Index) readMembers(tr *tar.Reader) (listed bool, err error) {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return listed, nil
		}
		if err != nil {
			return listed, err
		}
		switch h.Name {
		case indexDescMember:
			err = x.readDescription(tr)
		case indexTextMember:
			listed = true
			err = x.readPackages(tr)
		}
		if err != nil {
			return listed, err
		}
	}
}

func (x *Index) readDescription(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxDescription))
	x.Description = strings.TrimSpace(string(text))
	return err
}

func (x *Index) readPackages(r io.Reader) error {
	return ParseIndex(r, func(p *Package) error {
		// A mirror must not pass one architecture's packages off as another's, signed as
		// they may be. A noarch package fits everywhere.
		if x.Arch != "" && p.Arch != x.Arch && p.Arch != noarch {
			return fmt.Errorf("package %q is for %q, but this is an index for %q", p, p.Arch, x.Arch)
		}
		p.Repository = x.Repository
		x.Packages = append(x.Packages, p)
		return nil
	})
}

// drain consumes the rest of the stream.
func drain(t *tap) error {
	if _, err := io.Copy(io.Discard, t); err != nil {
		return err
	}
	return t.flush()
}

// withoutUser is a URL as it may be shown: without user name and password.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	u.User = nil
	return u.String()
}
