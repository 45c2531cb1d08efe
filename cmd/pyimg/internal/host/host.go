// Package host is what "pyimg run" asks of the system it is on: the memory that is free, and the signals to pass on.
package host

// guessedMemory stands for the free memory where the system does not say it.
const guessedMemory = 4 << 30
