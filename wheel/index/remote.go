package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/source"
)

// Opener gets an address. Its error is fs.ErrNotExist where there is nothing (404).
// accept is for the Accept header; "" asks for anything.
type Opener interface {
	Open(ctx context.Context, address, accept string) (*Response, error)
}

// Response is what an Opener got.
type Response struct {
	Body        io.ReadCloser
	ContentType string
	URL         string // after redirects; "" where it is the address
}

// accepted asks for JSON first: it has sizes. Static servers send HTML anyway.
const accepted = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

// Remote is an index with the simple API on a server.
type Remote struct {
	base   string
	opener Opener
}

// NewRemote is the index at an address such as https://index.example/simple/.
func NewRemote(address string, opener Opener) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("opening the index %q: expected an http or https URL", redact.URL(address))
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	u.Fragment = ""
	return &Remote{u.String(), opener}, nil
}

// Project asks for the list of a project's wheels.
func (r *Remote) Project(ctx context.Context, name string) (files []File, found bool, err error) {
	l, found, err := r.List(ctx, name)
	return l.Wheels, found, err
}

// List asks for the list of a project's wheels and sdists.
func (r *Remote) List(ctx context.Context, name string) (l Listing, found bool, err error) {
	base, err := url.Parse(r.base)
	if err != nil {
		return l, false, err
	}
	if err := dependency.CheckName(name); err != nil {
		return l, false, err
	}
	base.Path += dependency.Normalize(name) + "/"
	address := base.String()
	l, err = r.project(ctx, address)
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("reading %s: %w", redact.URL(address), err)
	}
	return l, true, nil
}

func (r *Remote) project(ctx context.Context, address string) (Listing, error) {
	response, err := r.opener.Open(ctx, address, accepted)
	if err != nil {
		return Listing{}, err
	}
	data, err := readBounded(response.Body, maxPage)
	if err != nil {
		return Listing{}, err
	}
	if response.URL != "" {
		address = response.URL
	}
	return parsePage(data, response.ContentType, address)
}

// Metadata fetches the METADATA next to a wheel (PEP 658) and checks its hashes.
// f.Metadata must be true.
func (r *Remote) Metadata(ctx context.Context, f File) (distinfo.Metadata, error) {
	m, err := r.metadata(ctx, f)
	if err != nil {
		return m, fmt.Errorf("reading the metadata of %s: %w", redact.URL(f.URL), err)
	}
	return m, nil
}

func (r *Remote) metadata(ctx context.Context, f File) (distinfo.Metadata, error) {
	u, err := url.Parse(f.URL)
	if err != nil {
		return distinfo.Metadata{}, errors.New("its address is no URL")
	}
	u.Path, u.RawPath = u.Path+".metadata", ""
	response, err := r.opener.Open(ctx, u.String(), "")
	if err != nil {
		return distinfo.Metadata{}, err
	}
	data, err := readBounded(response.Body, distinfo.MaxFile)
	if err != nil {
		return distinfo.Metadata{}, err
	}
	checker := source.File{Filename: f.Filename, Hashes: f.MetadataHashes}.Checker()
	_, _ = checker.Write(data) // it has no error
	if err := checker.Check(); err != nil {
		return distinfo.Metadata{}, err
	}
	return distinfo.ParseMetadata(data)
}

// readBounded reads all of body, which it closes.
func readBounded(body io.ReadCloser, limit int64) ([]byte, error) {
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return data, nil
}
