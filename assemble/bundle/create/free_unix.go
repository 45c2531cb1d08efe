//go:build linux || darwin || freebsd

package create

import (
	"path/filepath"
	"syscall"
)

// freeSpace is how many bytes an ordinary user may write below a folder that may not be there yet; -1 if not known.
func freeSpace(dir string) int64 {
	dir, err := filepath.Abs(dir)
	for ; err == nil; dir = filepath.Dir(dir) {
		var s syscall.Statfs_t
		if syscall.Statfs(dir, &s) == nil {
			return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // the types differ by system
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return -1
}
