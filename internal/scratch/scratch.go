// Package scratch makes folders for what a run does not keep, below $TMPDIR. A run that is killed cannot remove its folder; the next
// one that makes a folder of the same kind does. Each run locks its folder as long as it runs, and the system unlocks it however the
// run ends: a folder of this user that nobody has locked has no owner any more.
package scratch

import (
	"fmt"
	"os"
	"strings"
)

// prefix begins the names of all folders. Nothing else may make folders with such names: they are removed unless they are locked.
const prefix = "pyimg-scratch-"

// tries is how often a folder is made: another run may take one for abandoned in the moment before it is locked.
const tries = 10

// Dir makes a folder of a kind, such as "wheels". done removes it.
func Dir(kind string) (dir string, done func(), err error) {
	removeAbandoned(os.TempDir(), prefix+kind+"-")
	for range tries {
		if dir, err = os.MkdirTemp("", prefix+kind+"-"); err != nil {
			return "", nil, fmt.Errorf("making a temporary folder: %w; name another place with TMPDIR", err)
		}
		if unlock, ok := hold(dir); ok {
			return dir, func() { _ = os.RemoveAll(dir); unlock() }, nil // a later run removes what is left
		}
	}
	return "", nil, fmt.Errorf("making a temporary folder: each of %d was removed by another run; name another place with TMPDIR", tries)
}

// removeAbandoned removes the folders that runs left which were killed. It is done as well as it can be: the run needs none of them.
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
	f, err := root.Open(name)
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
