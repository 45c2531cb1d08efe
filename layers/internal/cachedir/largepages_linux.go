package cachedir

import "syscall"

// Memory of leastLarge bytes has an aligned page of two megabytes within it, wherever it begins.
const leastLarge = 4 << 20

// wantLargePages asks the system for large pages where new memory is to take a whole file. Each page that is touched for the first time
// costs time, and a large one hardly more than one of four kilobytes. The reserve at the end of b may take memory then, too. The system may
// refuse: then b has small pages.
func wantLargePages(b []byte) {
	if cap(b) >= leastLarge {
		_ = syscall.Madvise(b[:cap(b)], syscall.MADV_HUGEPAGE)
	}
}
