//go:build !linux

package main

import "syscall"

// inChroot has nothing to do: the demo starts a program of the image on Linux alone.
func inChroot(string) *syscall.SysProcAttr { return nil }
