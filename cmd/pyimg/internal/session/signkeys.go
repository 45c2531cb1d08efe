package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/sigstore"
)

// passwordVariables hold the password of a private key: pyimg's own, and cosign's.
func passwordVariables() []string { return []string{"PYIMG_KEY_PASSWORD", "COSIGN_PASSWORD"} }

// maxKeyFile bounds a key's file, in bytes.
const maxKeyFile = 64 << 10

// PrivateKey reads the key that a flag names: a file, or env://NAME for a variable that holds it. The password of an encrypted key
// comes from the environment, else from the terminal.
func (run *Session) PrivateKey(flag, where string) (sigstore.PrivateKey, error) {
	return run.PrivateKeyAt("--"+flag, where)
}

// PrivateKeyAt is PrivateKey for a key that something else than a flag names; errors name it as asked does.
func (run *Session) PrivateKeyAt(asked, where string) (sigstore.PrivateKey, error) {
	text, err := run.keyText(where)
	if err != nil {
		return sigstore.PrivateKey{}, fmt.Errorf("%s: %w", asked, err)
	}
	open := func(password sigstore.Password) (sigstore.PrivateKey, error) {
		return sigstore.ParsePrivateKey(text, password)
	}
	key, err := open(func() ([]byte, error) { return nil, nil }) // many keys of CI have an empty one
	if errors.Is(err, sigstore.ErrPassword) {
		key, err = open(func() ([]byte, error) {
			if password, given := run.KeyPassword(); given {
				return password, nil
			}
			return run.AskPassword(fmt.Sprintf("Password of the key %s: ", where))
		})
	}
	if errors.Is(err, sigstore.ErrPassword) {
		return key, exit.WrongUse(fmt.Errorf("%s: opening %q: %w; set %s", asked, where, err, strings.Join(passwordVariables(), " or ")))
	}
	if err != nil {
		return key, exit.WrongUse(fmt.Errorf("%s: reading %q: %w", asked, where, err))
	}
	return key, nil
}

// PublicKeys reads the keys that a flag names, as PrivateKey does.
func (run *Session) PublicKeys(flag string) ([]sigstore.PublicKey, error) {
	var keys []sigstore.PublicKey
	for _, where := range run.flags.StringSlice(flag) {
		k, err := run.PublicKeyAt("--"+flag, where)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// PublicKeyAt reads one key, as PrivateKeyAt does.
func (run *Session) PublicKeyAt(asked, where string) (sigstore.PublicKey, error) {
	text, err := run.keyText(where)
	if err != nil {
		return sigstore.PublicKey{}, fmt.Errorf("%s: %w", asked, err)
	}
	k, err := sigstore.ParsePublicKey(text)
	if err != nil {
		return k, exit.WrongUse(fmt.Errorf("%s: reading %q: %w", asked, where, err))
	}
	return k, nil
}

func (run *Session) keyText(where string) ([]byte, error) {
	name, ok := strings.CutPrefix(where, "env://")
	if !ok {
		text, err := regular.Read(where, maxKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			err = exit.WrongUse(err)
		}
		return text, err
	}
	text := run.Getenv(name)
	if text == "" {
		return nil, exit.Usagef("the variable %q, which should hold the key, is not set", name)
	}
	return []byte(text), nil
}

// KeyPassword is the password that the environment has for a private key.
func (run *Session) KeyPassword() ([]byte, bool) {
	for _, name := range passwordVariables() {
		if v := run.Getenv(name); v != "" {
			return []byte(v), true
		}
	}
	return nil, false
}

// AskPassword reads a password from the terminal; where there is none it is an error that names the variables.
func (run *Session) AskPassword(prompt string) ([]byte, error) {
	file, ok := run.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || !run.Terminal {
		return nil, exit.Usagef("the key has a password, and there is no terminal to ask for it; set %s", strings.Join(passwordVariables(), " or "))
	}
	fmt.Fprint(run.Stderr, prompt)
	defer fmt.Fprintln(run.Stderr)
	return term.ReadPassword(int(file.Fd()))
}
