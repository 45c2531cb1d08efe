package machine

import "golang.org/x/sys/unix"

// LastProcessor is the number of the last processor that this process may use; -1 where that is not known. The kernel gives
// the first ones most of the interrupts.
func LastProcessor() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return -1
	}
	const most = 1024 // the bits of a CPUSet
	for n := most - 1; n >= 0; n-- {
		if set.IsSet(n) {
			return n
		}
	}
	return -1
}
