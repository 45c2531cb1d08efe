package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push/auth"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// The exit codes that the README documents.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2 // wrong use or bad spec
	exitNoSolution = 3
	exitAuth       = 4
	exitNetwork    = 5 // or registry
	exitUnverified = 6

	exitInterrupted = 130 // as shells say it of Ctrl-C
)

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode tells scripts what kind of failure it was.
func exitCode(err error) int {
	var usage usageError
	var spec *spec.Error
	var l *lock.Error
	var verify *check.UnsoundError
	var mismatch *lock.MismatchError
	var required *runtime.RequireError
	var gone *assemble.GoneError
	var trust *apk.TrustError
	var hash *apk.HashError
	var digest *layers.DigestError
	var damage *layers.DamageError
	var blob *oci.MismatchError
	var file *oci.DamageError
	var fault *bundle.FaultError
	var base *bundle.BaseError
	var registry *remote.Error
	var credential *auth.Error
	var source *fetch.Error
	switch {
	case errors.As(err, &fault):
		return exitUnverified
	case errors.As(err, &usage), errors.As(err, &spec), errors.As(err, &l), errors.As(err, &base):
		return exitUsage
	case errors.Is(err, solve.ErrNoSolution):
		return exitNoSolution
	case errors.As(err, &verify), errors.As(err, &mismatch), errors.As(err, &required), errors.As(err, &trust), errors.As(err, &hash), errors.As(err, &digest), errors.As(err, &damage), errors.As(err, &blob), errors.As(err, &file), errors.Is(err, apk.ErrDamaged), isUnsound(err):
		return exitUnverified
	case errors.As(err, &registry):
		if registry.Unauthorized() {
			return exitAuth
		}
		return exitNetwork
	case errors.As(err, &credential), errors.As(err, &source) && errors.Is(err, fs.ErrPermission) && source.Status != 0:
		return exitAuth
	case errors.As(err, &source) && strings.HasPrefix(source.URL, "http"):
		return exitNetwork
	case errors.As(err, &gone):
		return exitNoSolution
	}
	return exitFailed
}
