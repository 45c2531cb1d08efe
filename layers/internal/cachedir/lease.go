package cachedir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// What is used is told by the times of files, and who runs by leases, so that nothing is taken from under a run:
//
//   - An open store has a lease: a file in DIR/v1/running that it keeps locked. Its time is when the store was opened.
//   - What a store reads of a blob or a record has its time set to now, unless that is less than NoteEvery ago. So all
//     that a run relies on has been used since NoteEvery before its lease.
//   - Prune, and who lets bytes go (see layers.Store.RewriteSource), take nothing that was used since then.
//   - DIR/v1/lock is held alone by who removes, and shared for the moment in which a lease is made or an old time is set:
//     a run begins, and a use is noted, before or after a removal, never within.
//
// A process that is killed leaves its lease behind, unlocked: the next one that opens the store removes it.

const (
	lockName    = "lock"
	runningName = "running"
	// NoteEvery is how old the time of a use may become. Runs within it cost no write.
	NoteEvery = time.Hour
	// Skew is how far the clocks of the file system and of processes may be apart.
	Skew = 10 * time.Minute
)

// Lock takes DIR/v1/lock. Where the system or the file system has no locks, there is nothing to wait for.
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

// enlist makes the lease, and removes those that killed processes left.
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
	_ = lockFile(f, false, false) // at most another one that looks at it holds it, for a moment
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

// Running returns when the other runs that there are began, and removes the leases of ended ones. Who asks holds the lock
// alone, so that no lease is just being made.
func (d *Dir) Running() []time.Time {
	var began []time.Time
	for _, name := range d.leases() {
		if d.lease != nil && name == d.lease.Name() {
			continue
		}
		over, since := d.ended(name)
		if over {
			_ = os.Remove(name) // one that stays is seen again
			continue
		}
		began = append(began, since)
	}
	return began
}

// ended reports whether the run with this lease is over, and when it began.
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

// InUseSince is the time before which nothing was used that a run which began then may rely on.
func InUseSince(began time.Time) time.Time { return began.Add(-NoteEvery - Skew) }

// Began is when the store was opened.
func (d *Dir) Began() (time.Time, error) {
	info, err := os.Stat(d.lease.Name())
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Close gives the lease up.
func (d *Dir) Close() error {
	err := d.lease.Close()
	if e := os.Remove(d.lease.Name()); !errors.Is(e, os.ErrNotExist) { // another store may have seen that it has ended
		err = errors.Join(err, e)
	}
	return err
}

// ReadUsed reads a file of the store and notes that it is used.
func (d *Dir) ReadUsed(path string) ([]byte, error) {
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
	raw := make([]byte, info.Size())
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("reading a file of %d bytes: %w", len(raw), err)
	}
	return raw, nil
}

// NoteUse sets a file's time to now. fs.ErrNotExist if it was removed meanwhile.
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
