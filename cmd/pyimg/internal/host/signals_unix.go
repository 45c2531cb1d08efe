//go:build unix

package host

import (
	"os"
	"syscall"
)

// Forwarded are the signals that "run" passes on to its command.
func Forwarded() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}
