package workload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/pyimg/pyimg/internal/regular"
)

// maxProject bounds a pyproject.toml of a script, which has some lines.
const maxProject = 64 << 10

// maxPrograms bounds the programs of a folder; pyperformance has about a hundred.
const maxPrograms = 1000

// script is the name of pyperformance's scripts.
const script = "run_benchmark.py"

// Folder finds the scripts of a folder as pyperformance lays them out: bm_NAME/run_benchmark.py, with its name and arguments in
// pyproject.toml and those of its variants in bm_*.toml next to it.
func Folder(dir string) ([]Program, error) {
	scripts, err := filepath.Glob(filepath.Join(escaped(dir), "bm_*", script))
	if err != nil {
		return nil, fmt.Errorf("looking for scripts in %q: %w", dir, err)
	}
	var all []Program
	for _, at := range scripts {
		found, err := programsOf(filepath.Dir(at))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("looking for scripts in %q: there is no bm_NAME/%s; pyperformance has them in pyperformance/data-files/benchmarks", dir, script)
	}
	if len(all) > maxPrograms {
		return nil, fmt.Errorf("%q has more than %d scripts", dir, maxPrograms)
	}
	slices.SortFunc(all, func(a, b Program) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Program) bool { return a.Name == b.Name }), nil
}

// escaped is a path in which no character has a meaning for [filepath.Glob].
func escaped(dir string) string {
	if filepath.Separator == '\\' {
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// programsOf are the programs of one folder bm_NAME.
func programsOf(dir string) ([]Program, error) {
	base := filepath.Base(dir)
	files, err := filepath.Glob(filepath.Join(escaped(dir), "bm_*.toml"))
	if err != nil {
		return nil, err
	}
	var all []Program
	for _, file := range append([]string{filepath.Join(dir, "pyproject.toml")}, files...) {
		p := Program{Name: strings.TrimPrefix(base, "bm_"), Script: path.Join(base, script)}
		if name := filepath.Base(file); name != "pyproject.toml" {
			p.Name = strings.TrimSuffix(strings.TrimPrefix(name, "bm_"), ".toml")
		}
		if err := p.readProject(file); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// readProject reads the name and the arguments of a program; without a file it keeps what it has.
func (p *Program) readProject(file string) error {
	text, err := regular.Read(file, maxProject)
	if errors.Is(err, fs.ErrNotExist) || os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what a script is: %w", err)
	}
	var project struct {
		Tool struct {
			Pyperformance struct {
				Name string   `toml:"name"`
				Args []string `toml:"extra_opts"`
			} `toml:"pyperformance"`
		} `toml:"tool"`
	}
	if err := toml.Unmarshal(text, &project); err != nil {
		return fmt.Errorf("reading %q: %w", file, err)
	}
	if name := project.Tool.Pyperformance.Name; name != "" {
		p.Name = name
	}
	if !printable(p.Name) {
		return fmt.Errorf("reading %q: the name is no short text in a line", file)
	}
	p.Args = project.Tool.Pyperformance.Args
	return nil
}
