package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/mismatch"
)

// A GoneError is a package that the lock names and its mirror has no more, as Alpine removes old versions within days of
// an update.
type GoneError struct {
	Package string   // NAME-VERSION
	Name    string   // of the package
	Now     []string // versions that the mirror has now; none where it has the package no more, or could not say
	Err     error
}

func (e *GoneError) Error() string {
	now := "its index does not list it now"
	if len(e.Now) > 0 {
		now = "versions there now: " + strings.Join(e.Now, ", ")
	}
	return fmt.Sprintf("%s is gone from its mirror (%s): %v; take what is there now with \"pyimg lock --update %s\", "+
		"or keep what a lock needs with \"pyimg bundle create --lock\"", e.Package, now, e.Err, e.Name)
}

func (e *GoneError) Unwrap() error { return e.Err }

// ExitCode is the cause's, such as that of a server that did not answer, else NoSolution.
func (e *GoneError) ExitCode() exit.Code {
	if code := exit.Of(e.Err); e.Err != nil && code != exit.Failed {
		return code
	}
	return exit.NoSolution
}

// Gone explains why a locked package cannot be fetched, if it is because its mirror removed it.
func (m Mirrors) Gone(ctx context.Context, p *apk.Package, err error) error {
	if absent := (absentError{}); !errors.As(err, &absent) || ctx.Err() != nil {
		return err
	}
	e := &GoneError{Package: p.String(), Name: p.Name, Err: err}
	o := m.IndexOptions(p.Arch)
	o.Repository = p.Repository
	index, indexErr := apk.LoadIndex(ctx, m.Fetch, o)
	if indexErr != nil {
		return e // what is wrong with the index too is not what was asked for
	}
	for q := range index.Named(p.Name) {
		if !slices.Contains(e.Now, q.Version) {
			e.Now = append(e.Now, q.Version)
		}
	}
	return e
}

// SameData refuses a package whose control stream names other data than the lock does: its checksum is only SHA-1.
func SameData(p *apk.Package, got, want string) error {
	if got != want {
		return &mismatch.Error{Name: p.String(), What: "the checksum of its data", Want: want, Got: got,
			Advice: "the package was replaced under the same name: take it as it is now with \"pyimg lock --update " + p.Name + "\""}
	}
	return nil
}
