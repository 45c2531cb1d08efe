package spec

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// SetRepositories replaces the repositories with URLs and directories. Directories start from the working directory. The branch
// is removed, because it does not apply to them.
func (s *Spec) SetRepositories(rs []string) error {
	rs = slices.Clone(rs)
	for i, r := range rs {
		if err := checkRepository(r); err != nil {
			return err
		}
		tag, where := cutTag(r)
		if IsURL(where) {
			continue
		}
		abs, err := filepath.Abs(where)
		if err != nil {
			return fmt.Errorf("finding %q: %w", where, err)
		}
		if rs[i] = abs; tag != "" {
			rs[i] = "@" + tag + " " + abs
		}
	}
	s.Alpine.Repositories, s.Alpine.Branch = rs, ""
	return nil
}

// SetRuntimes replaces the runtimes with these sources. Paths start from the working directory.
func (s *Spec) SetRuntimes(sources []string) error {
	s.Runtimes = nil
	for _, source := range sources {
		source, err := parseSource(source)
		if err != nil {
			return err
		}
		if strings.Contains(source, "{version}") {
			return fmt.Errorf("%q has {version}, which only a spec can set (runtime.python)", source)
		}
		if source, err = fromHere(source); err != nil {
			return err
		}
		s.Runtimes = append(s.Runtimes, Runtime{Source: source})
	}
	return nil
}
