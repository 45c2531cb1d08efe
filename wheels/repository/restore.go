package repository

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Restore makes the folder's records and failures what change returns, which gets those that are there; it writes no pages. No other
// process adds any before done has returned. The wheels' files need not be in the folder, see OpenCopy.
func (r *Repository) Restore(change func([]Record, []Failure) ([]Record, []Failure, error), done func() error) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	records, err := r.Records()
	if err != nil {
		return err
	}
	failures, err := r.Failures()
	if err != nil {
		return err
	}
	if records, failures, err = change(records, failures); err == nil {
		err = r.restore(records, failures)
	}
	if err != nil {
		return err
	}
	return done()
}

func (r *Repository) restore(records []Record, failures []Failure) error {
	keep := make(map[string]bool)
	for _, rec := range records {
		project, at, err := r.place(rec.File)
		if err == nil {
			_, err = rec.check(project, rec.File+".json")
		}
		if err != nil {
			return &DamageError{err}
		}
		keep[at] = true
		if err := r.writeRecord(at, rec); err != nil {
			return err
		}
	}
	for _, f := range failures {
		at := filepath.Join(r.dir, "status", f.name()+".json")
		keep[at] = true
		text, err := marshal(f)
		if err == nil {
			err = writeFile(at, text)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(removeOthers(filepath.Join(r.dir, "records"), keep), removeOthers(filepath.Join(r.dir, "status"), keep))
}

// removeOthers removes the files of a folder that end in .json and are not to be kept, and folders that are empty then.
func removeOthers(dir string, keep map[string]bool) error {
	var folders []string
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir():
			folders = append(folders, at)
		case strings.HasSuffix(at, ".json") && !keep[at]:
			return os.Remove(at)
		}
		return nil
	})
	for _, f := range slices.Backward(folders) {
		_ = os.Remove(f) // it has files
	}
	return err
}

// Name is what the files of a failure are called, without their ends: the same for each try of a build.
func (f Failure) Name() string { return f.name() }

// Has reports whether the folder has the file of a wheel.
func (r *Repository) Has(rec Record) bool {
	info, err := os.Stat(r.Path(rec))
	return err == nil && info.Mode().IsRegular() && info.Size() == rec.Size
}
