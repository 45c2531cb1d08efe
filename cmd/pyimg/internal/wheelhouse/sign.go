package wheelhouse

import (
	"errors"
	"fmt"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/sigstore"
	"github.com/pyimg/pyimg/wheels/config"
)

// maxKey bounds the file of a key.
const maxKey = 64 << 10

// passwordVariable is where cosign, too, finds the password of a key.
const passwordVariable = "COSIGN_PASSWORD"

// Signer signs manifests with the key that a configuration names; nil where it names none.
func Signer(run *session.Session, c config.Config) (func([]byte) ([]byte, error), error) {
	if c.Key == "" {
		return nil, nil
	}
	text, err := regular.Read(c.Path(c.Key), maxKey)
	if err != nil {
		return nil, exit.WrongUse(fmt.Errorf("reading the key that signs the index: %w", err))
	}
	key, err := sigstore.ParsePrivateKey(text, func() ([]byte, error) { return []byte(run.Getenv(passwordVariable)), nil })
	if errors.Is(err, sigstore.ErrPassword) {
		err = fmt.Errorf("%w; it is read from $%s", err, passwordVariable)
	}
	if err != nil {
		return nil, exit.WrongUse(fmt.Errorf("reading the key %q that signs the index: %w", c.Key, err))
	}
	return key.SignFile, nil
}

// Verifier checks the signature of a manifest with a public key; nil where no key is named.
func Verifier(name string) (func(manifest, signature []byte) error, error) {
	if name == "" {
		return nil, nil
	}
	text, err := regular.Read(name, maxKey)
	if err != nil {
		return nil, exit.WrongUse(fmt.Errorf("reading the key that signed the index: %w", err))
	}
	key, err := sigstore.ParsePublicKey(text)
	if err != nil {
		return nil, exit.WrongUse(fmt.Errorf("reading the key %q that signed the index: %w", name, err))
	}
	return func(manifest, signature []byte) error { return key.VerifyFile(signature, manifest) }, nil
}
