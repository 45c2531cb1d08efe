package wheelhouse

import (
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/wheels/config"
)

// Signer signs manifests with the key that a configuration names; nil where it names none.
func Signer(run *session.Session, c config.Config) (func([]byte) ([]byte, error), error) {
	if c.Key == "" {
		return nil, nil
	}
	key, err := run.PrivateKeyAt("the key that signs the index", c.Path(c.Key))
	if err != nil {
		return nil, err
	}
	return key.SignFile, nil
}

// Verifier checks the signature of a manifest with the public key that a flag names; nil where none is named.
func Verifier(run *session.Session, flag, name string) (func(manifest, signature []byte) error, error) {
	if name == "" {
		return nil, nil
	}
	key, err := run.PublicKeyAt("--"+flag, name)
	if err != nil {
		return nil, err
	}
	return func(manifest, signature []byte) error { return key.VerifyFile(signature, manifest) }, nil
}
