package repository

import (
	_ "embed"
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/version"
)

// StatusName is the page for people, in the folder.
const StatusName = "index.html"

//go:embed status.html
var statusHTML string

// Status is what an index has, for people.
type Status struct {
	Platforms []string // the machines that wheels are for: "x86_64"
	Rows      []StatusRow
	Failures  []Failure
	Wheels    int
	Bytes     int64
}

// StatusRow is one version of a package.
type StatusRow struct {
	Project string
	Version string
	Cells   []string // by platform: the wheels' tags, "failed", or "" for none
	Yanked  bool
	Listed  bool // the index has a page of the project: it has wheels, if perhaps of another version
}

// Status reads what the index has.
func (r *Repository) Status() (Status, error) {
	records, err := r.Records()
	if err != nil {
		return Status{}, err
	}
	failures, err := r.Failures()
	if err != nil {
		return Status{}, err
	}
	s := Status{Failures: failures, Wheels: len(records)}
	cells := make(map[[3]string][]string) // project, version, machine
	var rows [][2]string
	yanked, listed := make(map[[2]string]bool), make(map[string]bool)
	for _, rec := range records {
		f, err := rec.Filename()
		if err != nil {
			return s, err
		}
		s.Bytes += rec.Size
		row := [2]string{f.Name, f.Version.String()}
		rows, listed[f.Name] = append(rows, row), true
		yanked[row] = yanked[row] || rec.Yanked != nil
		for _, t := range f.Tags {
			at := strings.LastIndexByte(t, '-')
			machine, text := machineOf(t[at+1:]), t[:at]
			s.Platforms = append(s.Platforms, machine)
			cells[[3]string{row[0], row[1], machine}] = append(cells[[3]string{row[0], row[1], machine}], text)
		}
	}
	for _, f := range failures {
		row, machine := [2]string{f.Project, f.Version}, machineOfPlatform(f.Platform)
		rows, s.Platforms = append(rows, row), append(s.Platforms, machine)
		key := [3]string{row[0], row[1], machine}
		cells[key] = append(cells[key], f.Python+" failed")
	}
	slices.Sort(s.Platforms)
	s.Platforms = slices.Compact(s.Platforms)
	slices.SortFunc(rows, compareRows)
	for _, row := range slices.Compact(rows) {
		out := StatusRow{Project: row[0], Version: row[1], Yanked: yanked[row], Listed: listed[row[0]]}
		for _, machine := range s.Platforms {
			texts := cells[[3]string{row[0], row[1], machine}]
			slices.Sort(texts)
			out.Cells = append(out.Cells, strings.Join(slices.Compact(texts), ", "))
		}
		s.Rows = append(s.Rows, out)
	}
	return s, nil
}

// HasFailed reports whether a cell names a build that failed.
func (StatusRow) HasFailed(cell string) bool { return strings.Contains(cell, "failed") }

// compareRows orders by name, and newer versions first.
func compareRows(a, b [2]string) int {
	if c := strings.Compare(dependency.Normalize(a[0]), dependency.Normalize(b[0])); c != 0 {
		return c
	}
	v, errV := version.Parse(a[1])
	w, errW := version.Parse(b[1])
	if errV != nil || errW != nil {
		return strings.Compare(b[1], a[1])
	}
	return w.Compare(v)
}

// machineOf is the machine of a tag's platform: "x86_64" for "musllinux_1_2_x86_64".
func machineOf(platform string) string {
	if parts := strings.SplitN(platform, "_", 4); len(parts) == 4 && parts[0] == "musllinux" {
		return parts[3]
	}
	return strings.TrimPrefix(platform, "linux_")
}

// machineOfPlatform is the machine of an OCI platform, as tags call it.
func machineOfPlatform(platform string) string {
	names := map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l", "linux/arm/v6": "armv6l", "linux/386": "i686", "linux/loong64": "loongarch64"}
	if name, ok := names[platform]; ok {
		return name
	}
	return strings.TrimPrefix(platform, "linux/")
}

// WriteStatus writes the page for people.
func (r *Repository) WriteStatus() error {
	s, err := r.Status()
	if err != nil {
		return err
	}
	page, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := page.Execute(&b, s); err != nil {
		return fmt.Errorf("writing the page of the index: %w", err)
	}
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return writeFile(filepath.Join(r.dir, StatusName), []byte(b.String()))
}
