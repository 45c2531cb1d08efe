package session

import (
	"fmt"
	"sync"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push/artifact"
	"github.com/pyimg/pyimg/sigstore"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// mirrors are the indexes of a spec that several servers have.
func (run *Session) mirrors(s spec.Spec) ([]*mirror.Index, error) {
	var out []*mirror.Index
	for _, m := range s.Python.Mirrors {
		o := mirror.Options{Warn: run.Warn}
		if store := run.lasting(); store != nil {
			o.Memory = store
		}
		if m.Key != "" {
			o.Verify = fileVerifier(s.Path(m.Key))
		}
		servers, err := run.servers(s, m)
		if err != nil {
			return nil, exit.WrongUse(err)
		}
		index, err := mirror.New(servers, o)
		if err != nil {
			return nil, exit.WrongUse(err)
		}
		out = append(out, index)
	}
	return out, nil
}

// servers are those that have one index: web servers and registries.
func (run *Session) servers(s spec.Spec, m spec.Mirrors) ([]mirror.Server, error) {
	from := run.Client(s.Locations()...)
	if run.several == nil && len(m.URLs) > 1 {
		from.Retries = 1 // another one is asked instead
		from.Registries = artifacts(sync.OnceValue(func() *artifact.Opener {
			registry := run.Registry()
			registry.Tries = 2
			return artifact.NewOpener(registry)
		}))
	}
	out := make([]mirror.Server, len(m.URLs))
	for i, where := range m.URLs {
		var err error
		if registryurl.IsReference(where) {
			out[i], err = wheels.MirrorOf(where, from)
		} else {
			out[i], err = mirror.Folder(where, wheels.Pages(from))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxPublicKey bounds the file of a public key.
const maxPublicKey = 64 << 10

// fileVerifier checks that a key signed a file. The key is read when that is asked for: with a lock and a cache or a bundle nobody does.
func fileVerifier(name string) func(file, signature []byte) error {
	key := sync.OnceValues(func() (sigstore.PublicKey, error) {
		text, err := regular.Read(name, maxPublicKey)
		if err != nil {
			return sigstore.PublicKey{}, exit.WrongUse(fmt.Errorf("reading the key that signed an index of wheels: %w", err))
		}
		key, err := sigstore.ParsePublicKey(text)
		if err != nil {
			err = exit.WrongUse(fmt.Errorf("reading the key %q that signed an index of wheels: %w", name, err))
		}
		return key, err
	})
	return func(file, signature []byte) error {
		k, err := key()
		if err != nil {
			return err
		}
		return k.VerifyFile(signature, file)
	}
}
