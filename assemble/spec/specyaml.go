package spec

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// YAML writes the spec as it is in force, defaults filled in. ParseSpec reads it back.
func (s Spec) YAML() ([]byte, error) {
	doc := yaml.MapSlice{
		{Key: "alpine", Value: omitEmpty(yaml.MapSlice{
			{Key: "branch", Value: s.Alpine.Branch},
			{Key: "mirrors", Value: s.Alpine.Mirrors},
			{Key: "repositories", Value: s.Alpine.Repositories},
			{Key: "keys", Value: s.Alpine.Keys},
			{Key: "dialect", Value: s.Alpine.Dialect},
		})},
		{Key: "platforms", Value: texts(s.Platforms)},
		{Key: "packages", Value: texts(s.Packages)},
		{Key: "runtime", Value: s.runtimesYAML()},
		{Key: "allocator", Value: s.Allocator.yaml()},
		{Key: "files", Value: s.filesYAML()},
		{Key: "dirs", Value: s.dirsYAML()},
		{Key: "accounts", Value: s.Accounts.yaml()},
		{Key: "bytecode", Value: s.Bytecode},
		{Key: "exclude", Value: s.Exclude},
		{Key: "image", Value: s.Image.yaml()},
		{Key: "layers", Value: omitEmpty(yaml.MapSlice{
			{Key: "strategy", Value: s.Layers.Strategy},
			{Key: "max", Value: s.Layers.Max},
			{Key: "compression", Value: s.Layers.Compression},
			{Key: "level", Value: s.Layers.Level},
		})},
	}
	b, err := yaml.Marshal(omitEmpty(doc))
	if err != nil {
		return nil, fmt.Errorf("writing the spec: %w", err)
	}
	return b, nil
}

func texts[T fmt.Stringer](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.String()
	}
	return out
}

func (s Spec) runtimesYAML() []yaml.MapSlice {
	var out []yaml.MapSlice
	for _, r := range s.Runtimes {
		m := yaml.MapSlice{
			{Key: "python", Value: r.Python},
			{Key: "source", Value: r.Source},
		}
		if r.Sources != nil {
			m[1].Value = byPlatformYAML(r.Sources)
		}
		m = append(m, yaml.MapItem{Key: "mirror", Value: r.Mirror}, yaml.MapItem{Key: "paths", Value: r.Paths})
		sums := byPlatformYAML(r.SHA256)
		if all := r.SHA256[Platform{}]; all != "" {
			m = append(m, yaml.MapItem{Key: "sha256", Value: all})
		} else {
			m = append(m, yaml.MapItem{Key: "sha256", Value: sums})
		}
		m = append(m, yaml.MapItem{Key: "prefix", Value: r.Prefix}, yaml.MapItem{Key: "exclude", Value: r.Exclude})
		if r.Owner != nil {
			m = append(m, yaml.MapItem{Key: "owner", Value: fmt.Sprintf("%d:%d", r.Owner.UID, r.Owner.GID)})
		}
		m = append(m, yaml.MapItem{Key: "require", Value: r.Require})
		out = append(out, omitEmpty(m))
	}
	return out
}

func byPlatformYAML(m map[Platform]string) yaml.MapSlice {
	out := yaml.MapSlice{}
	for _, p := range sortPlatforms(platformsOf(m)) {
		if p != (Platform{}) {
			out = append(out, yaml.MapItem{Key: p.String(), Value: m[p]})
		}
	}
	return out
}

func (a Allocator) yaml() any {
	secure := ""
	if a.Insecure {
		secure = "false"
	}
	if a.Preload == "" && a.Use == "" && a.From == "" && secure == "" && len(a.Conf) == 0 && len(a.Env) == 0 {
		return a.Name
	}
	return omitEmpty(yaml.MapSlice{
		{Key: "name", Value: a.Name},
		{Key: "use", Value: a.Use},
		{Key: "from", Value: a.From},
		{Key: "secure", Value: secure},
		{Key: "conf", Value: a.Conf},
		{Key: "preload", Value: a.Preload},
		{Key: "env", Value: a.Env},
	})
}

func (i Image) yaml() yaml.MapSlice {
	return omitEmpty(yaml.MapSlice{
		{Key: "entrypoint", Value: i.Entrypoint},
		{Key: "cmd", Value: i.Cmd},
		{Key: "env", Value: i.Env},
		{Key: "user", Value: i.User},
		{Key: "workdir", Value: i.Workdir},
		{Key: "labels", Value: i.Labels},
		{Key: "annotations", Value: i.Annotations},
		{Key: "ports", Value: i.Ports},
		{Key: "volumes", Value: i.Volumes},
		{Key: "stop_signal", Value: i.StopSignal},
	})
}

// omitEmpty drops the fields that say nothing.
func omitEmpty(m yaml.MapSlice) yaml.MapSlice {
	out := yaml.MapSlice{}
	for _, item := range m {
		empty := false
		switch v := item.Value.(type) {
		case string:
			empty = v == ""
		case int:
			empty = v == 0
		case []string:
			empty = len(v) == 0
		case map[string]string:
			empty = len(v) == 0
		case yaml.MapSlice:
			empty = len(v) == 0
		case []yaml.MapSlice:
			empty = len(v) == 0
		}
		if !empty {
			out = append(out, item)
		}
	}
	return out
}
