package session

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/sigstore"
)

// A bundle's signature is a file next to it, which says that a key signed its ID; that is the digest of all in it. A delta's also
// has the ID of the whole bundle that it makes, so the signature stays right after an import.
const (
	signatureEnding = ".sigstore.json"
	bundleStatement = "https://github.com/pyimg/pyimg/blob/main/docs/AIRGAP.md#trust"
)

// BundleSignature is the file of a bundle's signature: next to its folder or tar, whichever part of it is named.
func BundleSignature(name string) string {
	name = regexp.MustCompile(`(\.tar)\.(\d{3,}|sha256)$`).ReplaceAllString(name, "$1")
	return strings.TrimRight(name, `/\`) + signatureEnding
}

// SignBundle returns the signature of a bundle with the ID, and of the whole one that a delta makes.
func SignBundle(key sigstore.PrivateKey, id, whole string) ([]byte, error) {
	s, err := sigstore.NewStatement("bundle", id, bundleStatement, []byte("{}"))
	if err == nil && whole != "" {
		var also sigstore.Statement
		also, err = sigstore.NewStatement("whole", whole, bundleStatement, []byte("{}"))
		s.Subject = append(s.Subject, also.Subject...)
	}
	if err != nil {
		return nil, err
	}
	return key.SignStatement(s)
}

// An unsignedBundleError says that a bundle is not signed as it should be.
type unsignedBundleError struct {
	bundle string
	err    error
}

func (e *unsignedBundleError) Error() string {
	return fmt.Sprintf("verifying the signature of bundle %q: %v", e.bundle, e.err)
}

func (e *unsignedBundleError) Unwrap() error { return e.err }

// ExitCode is the exit code of a failed verification.
func (e *unsignedBundleError) ExitCode() exit.Code { return exit.Unverified }

// vouch demands that one of the keys of a flag signed the bundle, if it names any: then all in the bundle is what was meant.
func (run *Session) vouch(b *bundle.Bundle, flag, name string) error {
	keys, err := run.PublicKeys(flag)
	if err != nil || len(keys) == 0 {
		return err
	}
	if spec.IsURL(name) {
		return exit.Usagef("--%s: the signature of a bundle is a file next to it, and this one is served; give its ID instead", flag)
	}
	file := BundleSignature(name)
	data, err := regular.Read(file, sigstore.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return &unsignedBundleError{name, fmt.Errorf("%w; \"pyimg bundle create --sign-key\" writes it", err)}
	}
	if err != nil {
		return err
	}
	var fault error
	for _, k := range keys {
		s, err := k.VerifyStatement(data)
		switch {
		case err != nil:
			fault = errors.Join(fault, err)
		case s.PredicateType != bundleStatement || !s.Is(b.ID):
			return &unsignedBundleError{name, fmt.Errorf("%s is the signature of something else, and the bundle is %s", file, b.ID)}
		default:
			b.Vouched = true
			return nil
		}
	}
	return &unsignedBundleError{name, fmt.Errorf("%s: %w", file, fault)}
}
