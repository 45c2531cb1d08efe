package local

import (
	"fmt"
	"syscall"
	"time"
)

// fileIdentity returns a text that is different for each state of a file, or "" if there is none. It contains the time
// of the last change of the inode, which cannot be set back, unlike the time of the content.
func fileIdentity(path string) (identity string, changed time.Time) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return "", time.Time{}
	}
	modified, inode := syscall.TimespecToNsec(st.Mtim), syscall.TimespecToNsec(st.Ctim)
	return fmt.Sprint(st.Dev, st.Ino, st.Size, modified, inode), time.Unix(0, max(modified, inode))
}
