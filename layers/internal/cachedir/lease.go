package cachedir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The times of files show what is used, and leases show which runs exist. So Prune removes nothing that a run needs:
//
//   - An open store has a lease: a file in DIR/v1/running that it keeps locked. Its time is when the store was opened.
//   - When a store reads a file, it sets the file's time to now, unless that time is less than NoteEvery ago. So the time
//     of each file that a run relies on is later than NoteEvery before its lease.
//   - Prune and layers.Store.RewriteSource remove no file that was used since then.
//   - Whoever removes files holds DIR/v1/lock alone. A run shares the lock for the moment in which it makes a lease or sets
//     an old time. So both happen before or after a removal, never during it.
//
// A killed process leaves its lease behind, unlocked. The next process that opens the store removes it.

const (
	lockName    = "lock"
	runningName = "running"
	// NoteEvery is how old a file's time may be before a use sets it again. So frequent runs need not write.
	NoteEvery = time.Hour
	// Skew is the largest expected difference between the clocks of the file system and of processes.
	Skew = 10 * time.Minute
)

// Lock locks DIR/v1/lock. If the system or the file system has no locks, it does not wait.
func (d *Dir) Lock(share bool) (unlock func(), err error) {
	name := filepath.Join(d.Path, lockName)
	if _, err := d.Look(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.WriteError(err)
	}
	_ = lockFile(f, share, false)
	return func() { _ = f.Close() }, nil
}

// enlist makes the lease of this run, and removes those of killed processes.
func (d *Dir) enlist() error {
	leftover := d.hasEnded()
	unlock, err := d.Lock(!leftover)
	if err != nil {
		return err
	}
	defer unlock()
	if leftover {
		d.Running()
	}
	f, err := os.CreateTemp(filepath.Join(d.Path, runningName), "")
	if err != nil {
		return d.WriteError(err)
	}
	_ = lockFile(f, false, false) // another process may hold it for a moment, to look at it
	d.lease = f
	return nil
}

// hasEnded reports whether there is a lease of a process that has ended.
func (d *Dir) hasEnded() bool {
	for _, name := range d.leases() {
		if over, _ := d.ended(name); over {
			return true
		}
	}
	return false
}

func (d *Dir) leases() []string {
	dir := filepath.Join(d.Path, runningName)
	entries, _ := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = filepath.Join(dir, e.Name())
	}
	return names
}

// Running returns when each of the other runs began, and removes the leases of ended ones. The caller holds the lock
// alone, so that no process is making a lease now.
func (d *Dir) Running() []time.Time {
	var began []time.Time
	for _, name := range d.leases() {
		if d.lease != nil && name == d.lease.Name() {
			continue
		}
		over, since := d.ended(name)
		if over {
			_ = os.Remove(name) // if that fails, the next call tries again
			continue
		}
		began = append(began, since)
	}
	return began
}

// ended reports whether the run with this lease has ended, and when it began.
func (d *Dir) ended(lease string) (over bool, began time.Time) {
	f, err := d.OpenFile(lease)
	if err != nil {
		return errors.Is(err, os.ErrNotExist), time.Time{}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, time.Time{}
	}
	switch err := lockFile(f, true, true); {
	case err == nil:
		return true, info.ModTime()
	case errors.Is(err, errors.ErrUnsupported):
		return time.Since(info.ModTime()) > staleAfter, info.ModTime()
	}
	return false, info.ModTime()
}

// Lease is the name of this run's lease.
func (d *Dir) Lease() string { return filepath.Base(d.lease.Name()) }

// Runs reports whether the run with a lease of this name is under way. It is called with the lock held alone, after Running,
// which removes the leases of runs that have ended.
func (d *Dir) Runs(lease string) bool {
	_, err := os.Lstat(filepath.Join(d.Path, runningName, lease))
	return err == nil
}

// InUseSince returns a time for a run that began then: the run relies on no file that was last used before that time.
func InUseSince(began time.Time) time.Time { return began.Add(-NoteEvery - Skew) }

// Began returns when the store was opened.
func (d *Dir) Began() (time.Time, error) {
	info, err := os.Stat(d.lease.Name())
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Close removes the lease.
func (d *Dir) Close() error {
	err := d.lease.Close()
	if e := os.Remove(d.lease.Name()); !errors.Is(e, os.ErrNotExist) { // another process may have removed it already
		err = errors.Join(err, e)
	}
	return err
}

// ReadUsed reads a file of the store and notes the use. It reads into the memory of room if that is large enough; room may be nil.
func (d *Dir) ReadUsed(path string, room []byte) ([]byte, error) {
	f, err := d.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if time.Since(info.ModTime()) > NoteEvery {
		if err := d.NoteUse(path); err != nil {
			return nil, err
		}
	}
	size := info.Size()
	if size > int64(cap(room)) {
		room = make([]byte, size, size+size/16) // the next file is often a little longer
		wantLargePages(room)
	}
	raw := room[:size]
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("reading a file of %d bytes: %w", len(raw), err)
	}
	return raw, nil
}

// NoteUse sets a file's time to now. It returns fs.ErrNotExist if the file was removed meanwhile.
func (d *Dir) NoteUse(path string) error {
	unlock, err := d.Lock(true)
	if err != nil {
		return err
	}
	defer unlock()
	err = os.Chtimes(path, time.Time{}, time.Now())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return d.WriteError(err)
	}
	return err
}
