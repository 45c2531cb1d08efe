package assemble

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/certificates"
	"github.com/pyimg/pyimg/assemble/spec"
)

// defaultPath is what a container runtime would set, stated so that the image does not depend on it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// imageConfig is the configuration of a container of this platform's image: that of the base, over which the spec's goes as that of a
// Dockerfile goes over that of its FROM.
func imageConfig(s spec.Spec, plan PlatformPlan) v1.Config {
	i := s.Image
	var c v1.Config
	if plan.Base != nil {
		c = *plan.Base.Config.DeepCopy()
		c.OnBuild = nil // not inherited: a builder would have run it
	}
	c.Env = environment(s, plan, c.Env)
	if len(i.Entrypoint) > 0 {
		c.Entrypoint, c.Cmd = i.Entrypoint, nil // a new ENTRYPOINT resets the CMD of the base
	}
	if len(i.Cmd) > 0 {
		c.Cmd = i.Cmd
	}
	c.User, c.WorkingDir, c.StopSignal = cmp.Or(i.User, c.User), cmp.Or(i.Workdir, c.WorkingDir), cmp.Or(i.StopSignal, c.StopSignal)
	c.Labels = merged(c.Labels, i.Labels)
	if i.Healthcheck != nil {
		c.Healthcheck = i.Healthcheck.Config()
	}
	c.ExposedPorts, c.Volumes = merged(c.ExposedPorts, set(i.Ports)), merged(c.Volumes, set(i.Volumes))
	return c
}

// startInterval returns the start interval of the healthcheck. The type of the configuration has no field for it.
func startInterval(s spec.Spec, plan PlatformPlan) time.Duration {
	switch {
	case s.Image.Healthcheck != nil:
		return s.Image.Healthcheck.StartInterval
	case plan.Base != nil:
		return plan.Base.StartInterval
	}
	return 0
}

// merged is a map with the entries of another; nil if both are.
func merged[V any](m, more map[string]V) map[string]V {
	if m == nil {
		return more
	}
	maps.Copy(m, more)
	return m
}

// environment is that of the base in its order, else PATH, then the rest by name. What the spec sets wins over what runtimes and
// allocator ask for, and that over what the base has.
func environment(s spec.Spec, plan PlatformPlan, inherited []string) []string {
	env := map[string]string{}
	if len(s.Certificates) > 0 {
		env = certificates.Env()
	}
	maps.Copy(env, plan.Env)
	maps.Copy(env, s.Image.Env)
	var list []string
	hasPath := false
	for _, v := range inherited {
		name, _, _ := strings.Cut(v, "=")
		if value, again := env[name]; again {
			v = name + "=" + value
			delete(env, name)
		}
		hasPath = hasPath || name == "PATH"
		list = append(list, v)
	}
	if !hasPath {
		list = append(list, "PATH="+cmp.Or(env["PATH"], defaultPath))
		delete(env, "PATH")
	}
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
