package repository

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Failure is a build that did not succeed. It is no part of the manifest: nothing is installed by it.
type Failure struct {
	Project  string `json:"project"`
	Version  string `json:"version"`
	Python   string `json:"python"`
	Platform string `json:"platform"`
	Key      string `json:"key"`
	Reason   string `json:"reason"`
	Tries    int    `json:"tries"`
	Log      string `json:"log,omitempty"` // its file, below the folder
}

// Filename is what the name of the record's wheel says.
func (r Record) Filename() (tag.Filename, error) { return tag.ParseFilename(r.File) }

// name is that of a failure's files: without slashes, and the same for each try.
func (f Failure) name() string {
	clean := func(s string) string {
		return strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._+!-", c) {
				return c
			}
			return '_'
		}, s)
	}
	return clean(f.Project) + "-" + clean(f.Version) + "-" + clean(f.Python) + "-" + clean(f.Platform)
}

// logPath is where the log of a failure is, below the folder.
func logPath(f Failure) string { return "status/logs/" + f.name() + ".log" }

// Log is where the log of a failure is, below the folder; "" where it has none.
func (r *Repository) Log(f Failure) string {
	if _, err := os.Stat(filepath.Join(r.dir, filepath.FromSlash(logPath(f)))); err != nil {
		return ""
	}
	return logPath(f)
}

// KeepLog moves a build's log to its place, and returns that, below the folder.
func (r *Repository) KeepLog(f Failure, file string) (string, error) {
	from, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer from.Close()
	at := filepath.Join(r.dir, filepath.FromSlash(logPath(f)))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return "", err
	}
	return logPath(f), atomicfile.Write(filepath.Dir(at), at, func(to *os.File) error {
		_, err := io.Copy(to, from)
		return err
	})
}

// SetFailure notes that a build failed.
func (r *Repository) SetFailure(f Failure) error {
	text, err := marshal(f)
	if err != nil {
		return err
	}
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := writeFile(filepath.Join(r.dir, "status", f.name()+".json"), text); err != nil {
		return fmt.Errorf("noting a failure in the index: %w", err)
	}
	return nil
}

// ClearFailure forgets a failure, and its log.
func (r *Repository) ClearFailure(f Failure) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, at := range []string{"status/" + f.name() + ".json", "status/logs/" + f.name() + ".log"} {
		if err := os.Remove(filepath.Join(r.dir, filepath.FromSlash(at))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a note of the index: %w", err)
		}
	}
	return nil
}

// Failures are those that are noted, sorted by file name. One that is damaged is left out: the build is tried again.
func (r *Repository) Failures() ([]Failure, error) {
	dir := filepath.Join(r.dir, "status")
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Failure
	for _, n := range names {
		if n.IsDir() || !strings.HasSuffix(n.Name(), ".json") {
			continue
		}
		var f Failure
		text, err := regular.Read(filepath.Join(dir, n.Name()), maxRecord)
		if err == nil && json.Unmarshal(text, &f) == nil && f.Project != "" && f.name()+".json" == n.Name() {
			out = append(out, f)
		}
	}
	return out, nil
}
