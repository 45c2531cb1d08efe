// Package host is what "pyimg run" asks of the system it is on: its platform, the memory that is free, and the signals to pass on.
package host

import "runtime"

// Platform is the platform whose images run here without an emulator.
func Platform() string {
	if runtime.GOARCH == "arm" {
		return "linux/arm/v7"
	}
	return "linux/" + runtime.GOARCH
}

// guessedMemory stands for the free memory where the system does not say it.
const guessedMemory = 4 << 30
