package wheels

import (
	"context"
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
)

// Lock is what the lock says of a spec's lock and requirements files; nil where there are none.
func Lock(ctx context.Context, s spec.Spec, from input.Texts) (*lock.Python, error) {
	digest, err := digest(ctx, s, from)
	if digest == "" || err != nil {
		return nil, err
	}
	return &lock.Python{Digest: digest}, nil
}

// Fit reads the lock and requirements files of a spec that the lock fits. The error is a *lock.Error where they are not those that
// it was made of.
func Fit(ctx context.Context, l lock.Lock, s spec.Spec, from input.Texts) error {
	now, err := Lock(ctx, s, from)
	if err != nil {
		return err
	}
	if now == nil && l.Python == nil || now != nil && l.Python != nil && *now == *l.Python {
		return nil
	}
	return &lock.Error{File: l.Name, Err: fmt.Errorf("it was written when %s had other contents; write it again with \"pyimg lock\"", strings.Join(s.Python.InputFiles(), ", "))}
}
