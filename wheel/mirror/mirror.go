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
	"path"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/internal/exit"
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
	Mirror string // its URL or reference
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
	servers []Server
	o       Options

	once   sync.Once
	order  []Server // those that answered, the newest first
	has    map[string][]index.File
	wheels map[string]entry // all, by where the first server has them
	err    error

	mu    sync.Mutex
	given map[string]Server           // where a file was opened from last, by its address
	wrong map[string]map[string]error // why servers are asked for a file no more, by its address and their names
}

// New is the index that servers have: the same one. The first stands for all.
func New(servers []Server, o Options) (*Index, error) {
	m := &Index{o: o, given: make(map[string]Server), wrong: make(map[string]map[string]error)}
	for _, s := range servers {
		if !slices.ContainsFunc(m.servers, func(other Server) bool { return other.name == s.name }) {
			m.servers = append(m.servers, s)
		}
	}
	if len(m.servers) == 0 {
		return nil, errors.New("opening mirrors of an index: none are named")
	}
	if m.o.Warn == nil {
		m.o.Warn = func(string) {}
	}
	return m, nil
}

// Has reports whether an address may be that of the first mirror, which stands for all, or of one of its files. Two indexes in one
// repository of a registry both may have its blobs; see Lists.
func (m *Index) Has(address string) bool { return m.servers[0].has(address) }

// Lists reports whether a mirror that answers lists the wheel at an address of the first mirror.
func (m *Index) Lists(ctx context.Context, address string) (bool, error) {
	if err := m.ready(ctx); err != nil {
		return false, err
	}
	_, listed := m.wheels[address]
	return listed, nil
}

// Others are where the other mirrors have a file of the first one. A mirror is left out if nobody can know where it has the file.
func (m *Index) Others(ctx context.Context, address string) []string {
	var out []string
	for _, s := range m.servers[1:] {
		at := s.moved(address, m.servers[0])
		if at == "" && m.ready(ctx) == nil { // manifests are read only if the address does not say it
			at = m.at(address, s)
		}
		if at != "" {
			out = append(out, at)
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

// Open opens a file of the first mirror, with open, from the first mirror that has it. An address that no mirror can have is opened
// as it is: it may be another index's in the same repository. The caller checks what it reads.
func (m *Index) Open(ctx context.Context, address string, open func(ctx context.Context, address string) (io.ReadCloser, error)) (io.ReadCloser, error) {
	if !m.Has(address) {
		return open(ctx, address)
	}
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	left, errs := m.left(address)
	if len(left) > 0 {
		errs = nil // of those that are not asked
	} else if len(errs) == 0 {
		return open(ctx, address)
	}
	for _, s := range left {
		r, err := open(ctx, m.at(address, s))
		if err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.given[address] = s
			return r, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// at is where a server has a file of the first one; "" if the address does not say it, and no manifest lists the file.
func (m *Index) at(address string, s Server) string {
	if w, listed := m.wheels[address]; listed {
		return s.url(w.SHA256, w.File)
	}
	return s.moved(address, m.servers[0])
}

// left returns the mirrors that were not refused for this file, in their order, and what was wrong with the others.
func (m *Index) left(address string) (left []Server, wrong []error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.order {
		switch err := m.wrong[address][s.name]; {
		case err != nil:
			wrong = append(wrong, err)
		case m.at(address, s) != "":
			left = append(left, s)
		}
	}
	return left, wrong
}

// Refuse marks the mirror that gave a file of the first mirror last as wrong, because of err: Open asks it for that file no more. It
// reports whether another mirror is left, and warns of the one.
func (m *Index) Refuse(address string, err error) bool {
	m.mu.Lock()
	s, opened := m.given[address]
	if opened {
		if m.wrong[address] == nil {
			m.wrong[address] = make(map[string]error)
		}
		m.wrong[address][s.name] = err
		delete(m.given, address)
	}
	m.mu.Unlock()
	if !opened {
		return false
	}
	if left, _ := m.left(address); len(left) == 0 {
		return false
	}
	m.o.Warn(fmt.Sprintf("the mirror %s does not give %s as it is expected, so the next one is asked: %v", s.name, path.Base(address), err))
	return true
}

// ready reads the manifests, once.
func (m *Index) ready(ctx context.Context) error {
	m.once.Do(func() { m.err = m.read(ctx) })
	return m.err
}

// read reads the manifests of all mirrors, and takes the newest.
func (m *Index) read(ctx context.Context) error {
	manifests := make([]manifest, len(m.servers))
	errs := make([]error, len(m.servers))
	var group sync.WaitGroup
	for i, s := range m.servers {
		group.Go(func() { manifests[i], errs[i] = s.fetch(ctx, m.o.Verify) })
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
			m.o.Warn(fmt.Sprintf("the mirror %s of an index of wheels is left out: %v", m.servers[i].name, err))
		}
	}
	newest, err := m.compare(there)
	if err != nil {
		return err
	}
	m.order, m.has, m.wheels = order(there, newest), newest.listing(m.servers[0]), make(map[string]entry)
	for _, n := range there {
		for _, w := range n.wheels {
			m.wheels[m.servers[0].url(w.SHA256, w.File)] = w
		}
	}
	return m.remember(newest)
}

// order is the newest mirror, then those with the same wheels, then those that lag behind.
func order(all []manifest, newest manifest) []Server {
	out := []Server{newest.from}
	for _, same := range []bool{true, false} {
		for _, n := range all {
			if n.from.name != newest.from.name && (len(n.wheels) == len(newest.wheels)) == same {
				out = append(out, n.from)
			}
		}
	}
	return out
}
