package wheels

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
)

// Lock is what the lock says of a spec's lock and requirements files; nil where there are none.
func Lock(s spec.Spec) (*lock.Python, error) {
	digest, err := Digest(s)
	if digest == "" || err != nil {
		return nil, err
	}
	return &lock.Python{Digest: digest}, nil
}

// Fit reads the lock and requirements files of a spec that the lock fits. The error is a *lock.Error where they are not those that
// it was made of.
func Fit(l lock.Lock, s spec.Spec) error {
	now, err := Lock(s)
	if err != nil {
		return err
	}
	if now == nil && l.Python == nil || now != nil && l.Python != nil && *now == *l.Python {
		return nil
	}
	return &lock.Error{File: l.Name, Err: fmt.Errorf("it was written when %s had other contents; write it again with \"pyimg lock\"", strings.Join(s.Python.InputFiles(), ", "))}
}
