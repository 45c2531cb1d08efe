package ingest

import (
	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
)

// Mirrors are where packages come from, and whose signatures count there.
type Mirrors struct {
	input.Access
	Keys *apk.Keyring // nil: signatures are not checked
}

// IndexOptions are those of an index of any repository for an architecture of Alpine's.
func (m Mirrors) IndexOptions(arch string) apk.IndexOptions {
	o := apk.IndexOptions{Arch: arch, Keyring: m.Keys}
	if m.Store != nil {
		o.Cache = m.Store
	}
	return o
}
