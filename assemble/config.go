package assemble

import (
	"maps"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
)

// defaultPath is what a container runtime would set, stated so that the image does not depend on it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// imageConfig is the configuration of a container of this platform's image.
func imageConfig(s spec.Spec, plan PlatformPlan) v1.Config {
	i := s.Image
	return v1.Config{
		User:         i.User,
		Env:          environment(s, plan),
		Entrypoint:   i.Entrypoint,
		Cmd:          i.Cmd,
		WorkingDir:   i.Workdir,
		Labels:       i.Labels,
		ExposedPorts: set(i.Ports),
		Volumes:      set(i.Volumes),
		StopSignal:   i.StopSignal,
	}
}

// environment is PATH first and the rest by name; what the spec sets wins over what runtimes and allocator ask for.
func environment(s spec.Spec, plan PlatformPlan) []string {
	env := map[string]string{"PATH": defaultPath}
	maps.Copy(env, plan.Env)
	maps.Copy(env, s.Image.Env)
	list := []string{"PATH=" + env["PATH"]}
	delete(env, "PATH")
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list
}

func set(names []string) map[string]struct{} {
	if len(names) == 0 {
		return nil
	}
	m := make(map[string]struct{})
	for _, n := range names {
		m[n] = struct{}{}
	}
	return m
}

// newest is the later of two times.
func newest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
