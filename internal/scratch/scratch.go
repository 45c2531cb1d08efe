// Package scratch makes folders for what a run does not keep, below $TMPDIR. A run that is killed cannot remove its folder; the next
// one that makes a folder of the same kind does. Each run locks its folder as long as it runs, and the system unlocks it however the
// run ends: a folder of this user that nobody has locked has no owner any more.
package scratch

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
)

// prefix begins the names of all folders. Nothing else may make folders with such names: they are removed unless they are locked.
const prefix = "pyimg-scratch-"

// tries is how often a folder is made: another run may take one for abandoned in the moment before it is locked.
const tries = 10

// Dir makes a folder of a kind, such as "wheels", with these permissions. done removes it.
func Dir(kind string, mode os.FileMode) (dir string, done func(), err error) {
	names := prefix + kind + "-" + machine() + "-"
	removeAbandoned(os.TempDir(), names)
	for range tries {
		if dir, err = os.MkdirTemp("", names); err != nil {
			return "", nil, fmt.Errorf("making a temporary folder: %w; name another place with TMPDIR", err)
		}
		unlock, err := hold(dir)
		if err == nil {
			if err = os.Chmod(dir, mode); err == nil {
				return dir, func() { _ = os.RemoveAll(dir); unlock() }, nil // a later run removes what is left
			}
			unlock()
		}
		if !errors.Is(err, errTaken) {
			_ = os.Remove(dir) // it is empty
			return "", nil, fmt.Errorf("making a temporary folder: %w", err)
		}
	}
	return "", nil, fmt.Errorf("making a temporary folder: each of %d was removed by another run; name another place with TMPDIR", tries)
}

// errTaken is the error where another run has taken a new folder for abandoned.
var errTaken = errors.New("another run has removed the folder")

// machine tells machines apart, since some file systems that several of them share have locks that hold on one machine alone. A machine
// that was started again is another one: its runs are gone, and their folders stay.
func machine() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // random(4)
	if err != nil {
		host, _ := os.Hostname() // "" is a machine like another one
		id = []byte(host)
	}
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(id))
}

// removeAbandoned removes the folders of killed runs. Errors are ignored: no run needs these folders.
func removeAbandoned(in, prefix string) {
	root, err := os.OpenRoot(in)
	if err != nil {
		return
	}
	defer root.Close()
	all, err := os.Open(in)
	if err != nil {
		return
	}
	defer all.Close()
	names, err := all.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			removeIfAbandoned(root, name)
		}
	}
}

func removeIfAbandoned(root *os.Root, name string) {
	before, err := root.Lstat(name)
	if err != nil || !before.IsDir() || !isOurs(before) {
		return
	}
	f, err := root.OpenFile(name, openFolder, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if lock(int(f.Fd())) != nil {
		return // a run works in it, or the file system knows no locks
	}
	if now, err := f.Stat(); err == nil && os.SameFile(before, now) {
		_ = root.RemoveAll(name)
	}
}
