package builder

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity changes whenever a file is replaced or written to, also where its time is set back.
func identity(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprint(s.Dev, s.Ino, s.Ctim.Sec, s.Ctim.Nsec)
}
