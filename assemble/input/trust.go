package input

import (
	"github.com/pyimg/pyimg/apk"
)

// Keyring is what apk is to check signatures with: nil where none are asked for.
func Keyring(s Access) *apk.Keyring {
	switch {
	case s.AllowUntrusted:
		return nil
	case s.Keyring == nil:
		return apk.NewKeyring() // trusts nothing
	}
	return s.Keyring
}

// IndexOptions are those of an index of any repository for an architecture of Alpine's.
func IndexOptions(s Access, arch string) apk.IndexOptions {
	o := apk.IndexOptions{Arch: arch, Keyring: Keyring(s)}
	if s.Store != nil {
		o.Cache = s.Store
	}
	return o
}
