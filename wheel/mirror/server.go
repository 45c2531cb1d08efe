package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/wheel/index"
)

// A Server has the index, or a copy of it.
type Server struct {
	name     string // as messages have it
	base     string // of the URLs of its files, with a slash at the end; "" for a registry, whose blobs have no common one
	registry Registry
	open     index.Opener
}

// A Registry has the index as an artifact.
type Registry interface {
	fmt.Stringer // its reference
	// Read returns manifest.json, and its signature, or nil if it has no signature. Its error is fs.ErrNotExist if the registry lacks
	// something of the index.
	Read(ctx context.Context) (manifest, signature []byte, err error)
	// URL is where it has a wheel.
	URL(sha256, file string) string
	// Has reports whether an address is the reference, or that of a blob in its repository.
	Has(address string) bool
}

// Folder is an index that is a folder of files on a web server. Its address is the URL of the folder or of its simple/.
func Folder(address string, opener index.Opener) (Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Server{}, fmt.Errorf("opening the mirror %q: expected an http or https URL", redact.URL(address))
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/simple") + "/"
	u.Fragment, u.RawPath = "", ""
	base := u.String()
	return Server{name: redact.URL(base), base: base, open: opener}, nil
}

// InRegistry is an index in a registry.
func InRegistry(r Registry) Server { return Server{name: r.String(), registry: r} }

// has reports whether an address is that of the index or of one of its files.
func (s Server) has(address string) bool {
	if s.registry != nil {
		return s.registry.Has(address)
	}
	below, ok := strings.CutPrefix(address, s.base)
	return ok && (strings.HasPrefix(below, "files/") || below == "" || strings.TrimSuffix(below, "/") == "simple") || address+"/" == s.base
}

// url is where it has a wheel.
func (s Server) url(sha256, file string) string {
	if s.registry != nil {
		return s.registry.URL(sha256, file)
	}
	return s.base + "files/" + sha256[:min(len(sha256), 16)] + "/" + file
}

// moved translates an address of first into one of s; "" if the address does not say it.
func (s Server) moved(address string, first Server) string {
	if below, ok := strings.CutPrefix(address, first.base); ok && first.base != "" && s.base != "" {
		return s.base + below
	}
	if s.name == first.name {
		return address
	}
	return ""
}

// fetch reads the manifest, and its signature if verify checks one. The error is an *Error unless the server does not answer.
func (s Server) fetch(ctx context.Context, verify func(manifest, signature []byte) error) (manifest, error) {
	text, signature, err := s.read(ctx, verify != nil)
	if err != nil {
		return manifest{}, err
	}
	wrong := func(err error) error { return &Error{s.name, err} }
	if verify != nil {
		if signature == nil {
			return manifest{}, wrong(errors.New("its manifest is not signed"))
		}
		if err := verify(text, signature); exit.Of(err) == exit.Usage {
			return manifest{}, &keyError{err}
		} else if err != nil {
			return manifest{}, wrong(fmt.Errorf("verifying the signature of its manifest: %w", err))
		}
	}
	parsed, err := parse(text)
	if err != nil {
		return manifest{}, wrong(err)
	}
	parsed.from = s
	return parsed, nil
}

// read returns the manifest and, if that is asked for, its signature, or nil if it has no signature.
func (s Server) read(ctx context.Context, signed bool) (text, signature []byte, err error) {
	if s.registry != nil {
		text, signature, err = s.registry.Read(ctx)
		if exit.Of(err) == exit.Unverified && !errors.Is(err, fs.ErrNotExist) { // a copy that is not finished is an outage
			err = &Error{s.name, err}
		}
		return text, signature, err
	}
	text, err = s.get(ctx, manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("it has no %s, by which mirrors of one index are recognized: %w", manifestName, err)
	}
	if err != nil || !signed {
		return text, nil, err
	}
	signature, err = s.get(ctx, signatureName, maxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return text, nil, nil
	}
	return text, signature, err
}

// get reads a file of at most so many bytes.
func (s Server) get(ctx context.Context, name string, most int64) ([]byte, error) {
	r, err := s.open.Open(ctx, s.base+name, "")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", redact.URL(s.base+name), most)
	}
	return data, err
}
