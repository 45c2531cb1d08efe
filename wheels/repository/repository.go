package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/version"
)

// Repository is an index of wheels in a folder.
type Repository struct {
	dir    string
	origin Origin // nil: the folder has all files
}

// A DamageError says that a file of the folder is not what it was when it was written.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode is Unverified.
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

// Open is the index in a folder, which need not exist yet.
func Open(dir string) *Repository { return &Repository{dir: dir} }

// Dir is the folder.
func (r *Repository) Dir() string { return r.dir }

// lock keeps other processes from writing records and pages until unlock is called or the process ends.
func (r *Repository) lock() (unlock func(), err error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the index: %w", err)
	}
	f, err := lockedfile.OpenFile(filepath.Join(r.dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the index: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// Ready makes the folder where it is missing, and reports whether it can be written to, before hours of work are lost.
func (r *Repository) Ready() error {
	unlock, err := r.lock()
	if err != nil {
		return fmt.Errorf("writing to the index: %w", err)
	}
	unlock()
	return nil
}

// Add adds a wheel, which is a file of this machine, with what is known of it: File, Keys, Needs and what it was built of. A wheel
// with the same bytes gets the keys in addition to those that it has. The page of its project is written, too.
func (r *Repository) Add(file string, rec Record) (Record, error) {
	rec, err := r.add(file, rec)
	if err != nil {
		return rec, fmt.Errorf("adding %s to the index: %w", rec.File, err)
	}
	return rec, nil
}

func (r *Repository) add(file string, rec Record) (Record, error) {
	f, err := os.Open(file)
	if err != nil {
		return rec, err
	}
	defer f.Close()
	metadata, err := rec.describe(f)
	if err != nil {
		return rec, err
	}
	needs, err := marshal(rec.Needs)
	if err != nil {
		return rec, err
	}
	rec.NeedsSHA256 = sum(needs)
	at := filepath.Join(r.dir, filepath.FromSlash(rec.Path()))
	if err := errors.Join(writeFile(at+".metadata", metadata), writeFile(at+".needs.json", needs)); err != nil {
		return rec, err
	}
	if err := copyFile(at, f); err != nil {
		return rec, err
	}
	return rec, r.record(rec)
}

// describe fills in what follows from the wheel, and returns its METADATA.
func (rec *Record) describe(f *os.File) ([]byte, error) {
	h := sha256.New()
	var err error
	if rec.Size, err = io.Copy(h, f); err != nil {
		return nil, err
	}
	rec.SHA256 = hex.EncodeToString(h.Sum(nil))
	w, err := wheel.Open(f, rec.Size, rec.File)
	if err != nil {
		return nil, err
	}
	for _, m := range w.Archive.Members {
		if m.Name != w.DistInfo+"/METADATA" {
			continue
		}
		metadata, err := w.Archive.Inflater().Read(m, distinfo.MaxFile)
		rec.Metadata, rec.RequiresPython = sum(metadata), w.Metadata.RequiresPython.String()
		slices.Sort(rec.Keys)
		return metadata, err
	}
	return nil, errors.New("it has no METADATA") // wheel.Open has read it
}

// record writes a record and the page of its project.
func (r *Repository) record(rec Record) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	project, at, err := r.place(rec.File)
	if err != nil {
		return err
	}
	old, err := readRecord(project, at)
	switch {
	case err == nil:
		if rec.Yanked = old.Yanked; old.SHA256 == rec.SHA256 {
			rec.Keys = append(rec.Keys, old.Keys...)
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*DamageError)):
		return err
	}
	slices.Sort(rec.Keys)
	rec.Keys = slices.Compact(rec.Keys)
	if err := r.writeRecord(at, rec); err != nil {
		return err
	}
	return r.writePage(project)
}

func (r *Repository) writeRecord(at string, rec Record) error {
	data, err := marshal(rec)
	if err != nil {
		return err
	}
	return writeFile(at, data)
}

// AddKeys notes that a wheel is the result of more builds. Another process may have built it anew meanwhile: then it is not.
func (r *Repository) AddKeys(rec Record, keys ...string) (Record, error) {
	unlock, err := r.lock()
	if err != nil {
		return rec, err
	}
	defer unlock()
	_, at, err := r.place(rec.File)
	if err != nil {
		return rec, err
	}
	now, err := r.Record(rec.File)
	if err != nil {
		return rec, err
	}
	if now.SHA256 != rec.SHA256 {
		return now, fmt.Errorf("noting what %s serves: it was built anew meanwhile", rec.File)
	}
	now.Keys = slices.Concat(now.Keys, keys)
	slices.Sort(now.Keys)
	now.Keys = slices.Compact(now.Keys)
	return now, r.writeRecord(at, now)
}

// Path is where a wheel is.
func (r *Repository) Path(rec Record) string {
	return filepath.Join(r.dir, filepath.FromSlash(rec.Path()))
}

// Record is that of a wheel by its file name; fs.ErrNotExist where there is none.
func (r *Repository) Record(file string) (Record, error) {
	project, at, err := r.place(file)
	if err != nil {
		return Record{}, err
	}
	e, err := readRecord(project, at)
	return e.Record, err
}

// Yank marks all wheels of a version as yanked (PEP 592), or, with undo, as good again. It returns their names.
func (r *Repository) Yank(project string, v version.Version, reason string, undo bool) ([]string, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	entries, err := r.records(project)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.name.Version.Compare(v) != 0 {
			continue
		}
		if e.Yanked = &reason; undo {
			e.Yanked = nil
		}
		_, at, err := r.place(e.File)
		if err != nil {
			return names, err
		}
		if err := r.writeRecord(at, e.Record); err != nil {
			return names, err
		}
		names = append(names, e.File)
	}
	if len(names) == 0 {
		return nil, exit.Usagef("the index %s has no wheel of %s %s", r.dir, project, v)
	}
	return names, r.writePage(project)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(v)
	return b.Bytes(), err
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// writeFile writes a file that does not have these bytes yet, and the folders above it.
func writeFile(at string, data []byte) error {
	if old, err := regular.Read(at, int64(len(data))+1); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Dir(at), at, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// copyFile copies a wheel to its place, which its digest names: what is there already, of its size, is that wheel.
func copyFile(at string, from *os.File) error {
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(at); err == nil && there.Mode().IsRegular() && there.Size() == info.Size() {
		return nil
	}
	return atomicfile.Write(filepath.Dir(at), at, func(f *os.File) error {
		_, err := io.Copy(f, io.NewSectionReader(from, 0, info.Size()))
		return err
	})
}
