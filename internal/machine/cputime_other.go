//go:build !unix

package machine

import "time"

// CPUTime is 0 here.
func CPUTime() time.Duration { return 0 }
