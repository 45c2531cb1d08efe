package assemble

import (
	"fmt"
	"maps"
	"path"

	"github.com/pyimg/pyimg/layers"
)

// known is what pyimg knows of an allocator by name.
type known struct {
	soname  string            // the library's file name, in a runtime's tarball or in Alpine's package
	apk     string            // Alpine's package
	library string            // where that package puts it
	env     map[string]string // settings that pay for Python
}

// about returns what is known of the allocator; the zero value for none and for a library given by path.
func (a Allocator) about() known {
	switch a.Name {
	case "jemalloc":
		// The settings that Home Assistant ran with: purge in the background and late, huge pages for metadata.
		return known{"libjemalloc.so.2", "jemalloc", "/usr/lib/libjemalloc.so.2", map[string]string{
			"MALLOC_CONF": "background_thread:true,metadata_thp:auto,dirty_decay_ms:20000,muzzy_decay_ms:20000",
		}}
	case "mimalloc":
		return known{"libmimalloc.so.2", "mimalloc2", "/usr/lib/libmimalloc.so.2", nil}
	}
	return known{}
}

func (a Allocator) apkPackage() string { return a.about().apk }

// library is what to preload where no runtime brings the allocator itself.
func (a Allocator) library() string {
	if a.Preload != "" {
		return a.Preload
	}
	return a.about().library
}

// env is the environment that the allocator wants, preload being the library's path in the image.
func (a Allocator) env(preload string) map[string]string {
	env := make(map[string]string)
	maps.Copy(env, a.about().env)
	maps.Copy(env, a.Env)
	if preload != "" {
		env["LD_PRELOAD"] = preload
	}
	return env
}

// ownPreload finds the allocator's library among the files of the runtimes; "" where none has it. A runtime's own
// build is preferred over Alpine's package, since it was made for that Python.
func ownPreload(a Allocator, rs []RuntimePlan, store *layers.Store) (string, error) {
	soname := a.about().soname
	if soname == "" {
		return "", nil
	}
	for _, r := range rs {
		for e, err := range store.Entries(r.Layer.Digest) {
			if err != nil {
				return "", fmt.Errorf("looking for %s in %s: %w", soname, publicURL(r.URL), err)
			}
			if path.Base(e.Path()) == soname {
				return "/" + e.Path(), nil
			}
		}
	}
	return "", nil
}
