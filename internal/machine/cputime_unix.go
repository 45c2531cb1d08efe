//go:build unix

package machine

import (
	"syscall"
	"time"
)

// CPUTime is the time that this process has used on all processors, in user and kernel mode; 0 on Windows. See getrusage(2).
func CPUTime() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // it cannot fail for this process
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
