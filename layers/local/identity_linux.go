package local

import (
	"fmt"
	"syscall"
	"time"
)

// fileIdentity tells one state of a file from any other; "" where that cannot be told. The time of the last change of
// the inode cannot be set back, as the time of its content can.
func fileIdentity(path string) (identity string, changed time.Time) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return "", time.Time{}
	}
	modified, inode := syscall.TimespecToNsec(st.Mtim), syscall.TimespecToNsec(st.Ctim)
	return fmt.Sprint(st.Dev, st.Ino, st.Size, modified, inode), time.Unix(0, max(modified, inode))
}
