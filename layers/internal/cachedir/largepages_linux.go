package cachedir

import "syscall"

// leastLarge is from which size on memory certainly holds a page of two megabytes, wherever it begins.
const leastLarge = 4 << 20

// wantLargePages asks the system for large pages where new memory is to take a whole file. Each page that is touched for the first time
// costs time, and a large one hardly more than one of four kilobytes. Large pages lie within b, so no more memory is used. The system may
// refuse: then b has small pages.
func wantLargePages(b []byte) {
	if cap(b) >= leastLarge {
		_ = syscall.Madvise(b[:cap(b)], syscall.MADV_HUGEPAGE)
	}
}
