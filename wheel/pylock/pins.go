package pylock

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/version"
)

// Pin is a package of a lock at its version, for a caller that compiles it.
type Pin struct {
	Name    string // normalised
	Version version.Version
	Sdist   source.Hashes // of its sdist; empty where the lock has none
}

// Pins returns the packages that an environment could take, with all extras and groups. Packages that are a folder, an archive or
// a checkout are left out: they have no sdist.
func (l *Lock) Pins(env dependency.Environment) ([]Pin, error) {
	env = env.WithLock(l.document.Extras, l.document.Groups)
	packages := l.document.Packages
	if l.graph != nil {
		packages = l.graph.packages
	}
	var pins []Pin
	var faults []error
	for _, p := range packages {
		if p.Version == "" || p.VCS != nil || p.Directory != nil || p.Archive != nil {
			continue
		}
		pin, taken, err := p.pin(env)
		if err != nil {
			faults = append(faults, fmt.Errorf("reading lock %s: package %q: %w", l.name, p.Name, err))
		} else if taken {
			pins = append(pins, pin)
		}
	}
	return pins, errors.Join(faults...)
}

func (p pkg) pin(env dependency.Environment) (pin Pin, taken bool, err error) {
	if err := dependency.CheckName(p.Name); err != nil {
		return pin, false, err
	}
	pin.Name = dependency.Normalize(p.Name)
	if pin.Version, err = version.Parse(p.Version); err != nil {
		return pin, false, err
	}
	if sums, ok := p.Sdist["hashes"].(map[string]any); ok {
		table := make(map[string]string)
		for name, digest := range sums {
			if text, ok := digest.(string); ok {
				table[name] = text
			}
		}
		pin.Sdist, _ = source.ParseHashes(table) // hashes that prove nothing are left out
	}
	if text, ok := p.Sdist["hash"].(string); ok { // uv.lock's way
		if name, digest, ok := strings.Cut(text, ":"); ok {
			pin.Sdist, _ = source.ParseHashes(map[string]string{name: digest})
		}
	}
	if p.Marker == "" {
		return pin, true, nil
	}
	m, err := dependency.ParseMarker(p.Marker)
	if err != nil {
		return pin, false, err
	}
	taken, err = m.Applies(env)
	return pin, taken, err
}
