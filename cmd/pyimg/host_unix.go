//go:build unix

package main

import (
	"os"
	"syscall"
)

// forwarded are the signals that "run" passes on to its command.
func forwarded() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}
