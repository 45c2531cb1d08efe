// Package mirror reads one index of wheels from several servers, so that an outage of one stops nobody.
//
// Mirrors are known to be of one index by its manifest.json, which "pyimg wheels build" writes next to simple/ and signs. What the
// index has is read from the manifest, not from pages: it lists every wheel with its SHA-256. A mirror that does not answer is left
// out, and one that lags behind is asked last, both with a warning. A manifest that is not signed as it should be, or that is
// another index's, is an *Error.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/index"
)

// Options say how mirrors are read. The zero value asks for no signature, warns nobody, and remembers nothing.
type Options struct {
	Verify func(manifest, signature []byte) error // nil: no signature is asked for
	Warn   func(text string)                      // may be nil
	Memory Memory                                 // may be nil
}

// Memory keeps what the newest manifest had, so that an older one is noticed in a later run; see layers.Store.
type Memory interface {
	Record(key string) ([]byte, error)
	SetRecord(key string, data []byte) error
}

// An Error says what is wrong with a mirror that answered.
type Error struct {
	Mirror string // its URL
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("the mirror %s: %v", e.Mirror, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is Unverified.
func (e *Error) ExitCode() exit.Code { return exit.Unverified }

// keyError is that of a key which cannot be read: nobody's mirror is at fault.
type keyError struct{ err error }

func (e *keyError) Error() string { return e.err.Error() }
func (e *keyError) Unwrap() error { return e.err }

// Index is an index that several servers have. Its methods may be called by several goroutines; the manifests are read when the
// first of them is.
type Index struct {
	bases []string // of the folders that have manifest.json; each ends with a slash
	open  index.Opener
	o     Options

	once  sync.Once
	order []string // the bases that answered, the newest first
	has   map[string][]index.File
	err   error

	mu    sync.Mutex
	given map[string]string           // the base that a file was opened from last, by its path
	wrong map[string]map[string]error // why bases are asked for a file no more, by its path
}

// New is the index at these addresses, such as https://wheels.example/simple/: the same one, the first being its name. They are
// opened by opener.
func New(addresses []string, opener index.Opener, o Options) (*Index, error) {
	m := &Index{open: opener, o: o, given: make(map[string]string), wrong: make(map[string]map[string]error)}
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("opening the mirror %q: expected an http or https URL", redact.URL(a))
		}
		u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/simple") + "/"
		u.Fragment, u.RawPath = "", ""
		if base := u.String(); !slices.Contains(m.bases, base) {
			m.bases = append(m.bases, base)
		}
	}
	if len(m.bases) == 0 {
		return nil, errors.New("opening mirrors of an index: none are named")
	}
	if m.o.Warn == nil {
		m.o.Warn = func(string) {}
	}
	return m, nil
}

// Has reports whether an address is that of the first mirror, which stands for all, or of one of its files.
func (m *Index) Has(address string) bool {
	below, ok := strings.CutPrefix(address, m.bases[0])
	return ok && (strings.HasPrefix(below, "files/") || below == "" || strings.TrimSuffix(below, "/") == "simple") || address+"/" == m.bases[0]
}

// Others are where the other mirrors have a file of the first one.
func (m *Index) Others(address string) []string {
	var out []string
	if below, ok := strings.CutPrefix(address, m.bases[0]); ok {
		for _, base := range m.bases[1:] {
			out = append(out, base+below)
		}
	}
	return out
}

// List is what the index has of a project. The URLs are those of the first mirror, whichever answers.
func (m *Index) List(ctx context.Context, project string) (l index.Listing, found bool, err error) {
	if err := m.ready(ctx); err != nil {
		return l, false, err
	}
	l.Wheels, found = m.has[dependency.Normalize(project)]
	return l, found, nil
}

// Project implements index.Index.
func (m *Index) Project(ctx context.Context, project string) (files []index.File, found bool, err error) {
	l, found, err := m.List(ctx, project)
	return l.Wheels, found, err
}

// Open opens a file of the first mirror, with open, from the first mirror that has it. The caller checks what it reads.
func (m *Index) Open(ctx context.Context, address string, open func(ctx context.Context, address string) (io.ReadCloser, error)) (io.ReadCloser, error) {
	below, ok := strings.CutPrefix(address, m.bases[0])
	if !ok {
		return open(ctx, address)
	}
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	left, errs := m.left(below)
	if len(left) > 0 {
		errs = nil // of those that are not asked
	}
	for _, base := range left {
		r, err := open(ctx, base+below)
		if err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.given[below] = base
			return r, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// left are the mirrors that may have a file as it should be, in their order, and what was wrong with the others.
func (m *Index) left(below string) (left []string, wrong []error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, base := range m.order {
		if err := m.wrong[below][base]; err != nil {
			wrong = append(wrong, err)
		} else {
			left = append(left, base)
		}
	}
	return left, wrong
}

// Refuse marks the mirror that gave a file of the first mirror last as wrong, because of err: Open asks it for that file no more. It
// reports whether another mirror is left, and warns of the one.
func (m *Index) Refuse(address string, err error) bool {
	below, ok := strings.CutPrefix(address, m.bases[0])
	m.mu.Lock()
	base, opened := m.given[below]
	if ok && opened {
		if m.wrong[below] == nil {
			m.wrong[below] = make(map[string]error)
		}
		m.wrong[below][base] = err
		delete(m.given, below)
	}
	m.mu.Unlock()
	if left, _ := m.left(below); !ok || !opened || len(left) == 0 {
		return false
	}
	m.o.Warn(fmt.Sprintf("the mirror %s does not give %s as it is expected, so the next one is asked: %v", redact.URL(base), path.Base(below), err))
	return true
}

// ready reads the manifests, once.
func (m *Index) ready(ctx context.Context) error {
	m.once.Do(func() { m.err = m.read(ctx) })
	return m.err
}

// read reads the manifests of all mirrors, and takes the newest.
func (m *Index) read(ctx context.Context) error {
	manifests := make([]manifest, len(m.bases))
	errs := make([]error, len(m.bases))
	var group sync.WaitGroup
	for i, base := range m.bases {
		group.Go(func() { manifests[i], errs[i] = m.fetch(ctx, base) })
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	var there []manifest
	for i, err := range errs {
		switch {
		case err == nil:
			there = append(there, manifests[i])
		case errors.As(err, new(*Error)), errors.As(err, new(*keyError)):
			return err
		}
	}
	if len(there) == 0 {
		return fmt.Errorf("reading the manifest of an index: none of its mirrors answers: %w", errors.Join(errs...))
	}
	for i, err := range errs {
		if err != nil {
			m.o.Warn(fmt.Sprintf("the mirror %s of an index of wheels is left out: %v", redact.URL(m.bases[i]), err))
		}
	}
	newest, err := m.compare(there)
	if err != nil {
		return err
	}
	m.order, m.has = order(there, newest), newest.listing(m.bases[0])
	return m.remember(newest)
}

// order is the newest mirror, then those with the same wheels, then those that lag behind.
func order(all []manifest, newest manifest) []string {
	out := []string{newest.base}
	for _, same := range []bool{true, false} {
		for _, n := range all {
			if n.base != newest.base && (len(n.wheels) == len(newest.wheels)) == same {
				out = append(out, n.base)
			}
		}
	}
	return out
}

// fetch reads the manifest of one mirror, and checks its signature. The error is an *Error unless the mirror does not answer.
func (m *Index) fetch(ctx context.Context, base string) (manifest, error) {
	text, err := m.get(ctx, base+manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, fmt.Errorf("it has no %s, by which mirrors of one index are recognized: %w", manifestName, err)
	}
	if err != nil {
		return manifest{}, err
	}
	wrong := func(err error) error { return &Error{redact.URL(base), err} }
	if m.o.Verify != nil {
		signature, err := m.get(ctx, base+signatureName, maxSignature)
		if errors.Is(err, fs.ErrNotExist) {
			return manifest{}, wrong(fmt.Errorf("its manifest is not signed: %w", err))
		}
		if err != nil {
			return manifest{}, err
		}
		if err := m.o.Verify(text, signature); exit.Of(err) == exit.Usage {
			return manifest{}, &keyError{err}
		} else if err != nil {
			return manifest{}, wrong(fmt.Errorf("verifying the signature of its manifest: %w", err))
		}
	}
	parsed, err := parse(text)
	if err != nil {
		return manifest{}, wrong(err)
	}
	parsed.base = base
	return parsed, nil
}

// get reads a file of at most so many bytes.
func (m *Index) get(ctx context.Context, address string, most int64) ([]byte, error) {
	r, err := m.open.Open(ctx, address, "")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", redact.URL(address), most)
	}
	return data, err
}
