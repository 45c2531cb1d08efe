//go:build !linux

package machine

// LastProcessor is the number of the last processor that this process may use; -1 where that is not known.
func LastProcessor() int { return -1 }
