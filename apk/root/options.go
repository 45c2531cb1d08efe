package root

import "github.com/pyimg/pyimg/apk"

// Options are the dialect, the architecture and additional accounts.
type Options struct {
	Dialect apk.Dialect
	Arch    string // for etc/apk/arch
	// Passwd and Group are lines of passwd(5) and group(5) for accounts that the root has in addition to those of its
	// packages. Install looks up owners there that the packages' own files do not have.
	Passwd, Group string
}
