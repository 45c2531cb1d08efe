package assemble

import (
	"maps"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// defaultPath is what a container runtime would set, stated so that the image does not depend on it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// imageConfig is the configuration of a container of this platform's image.
func imageConfig(s Spec, plan PlatformPlan) v1.Config {
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
func environment(s Spec, plan PlatformPlan) []string {
	env := map[string]string{"PATH": defaultPath}
	maps.Copy(env, plan.Env)
	maps.Copy(env, s.Image.Env)
	list := []string{"PATH=" + env["PATH"]}
	delete(env, "PATH")
	for _, k := range sortedKeys(env) {
		list = append(list, k+"="+env[k])
	}
	return list
}

// historyPrefix begins the history of the layers that pyimg makes.
const historyPrefix = "pyimg: "

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

// configFile is the OCI image configuration; see the OCI image-spec, config.md. There is one history entry for each
// layer, so that tools which show layers can say what they hold.
func configFile(p LockedPlatform) *v1.ConfigFile {
	created := v1.Time{Time: p.Created}
	f := &v1.ConfigFile{
		Created:      created,
		Architecture: p.Platform.Architecture,
		OS:           p.Platform.OS,
		Variant:      p.Platform.Variant,
		Config:       p.Config,
		RootFS:       v1.RootFS{Type: "layers"},
	}
	for _, l := range p.Layers {
		f.RootFS.DiffIDs = append(f.RootFS.DiffIDs, hash(l.DiffID))
		f.History = append(f.History, v1.History{Created: created, CreatedBy: historyPrefix + l.From, Comment: comment(l.Reasons, l.Digest)})
	}
	return f
}

// hash takes apart a digest that this program computed itself.
func hash(digest string) v1.Hash {
	h, err := v1.NewHash(digest)
	if err != nil {
		return v1.Hash{} // a lock from elsewhere was checked when it was read
	}
	return h
}

// newest is the later of two times.
func newest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
