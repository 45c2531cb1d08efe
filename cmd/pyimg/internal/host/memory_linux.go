package host

import (
	"fmt"
	"os"
	"strings"
)

// FreeMemory is what the machine's programs can still take without others being moved out of memory, in bytes; see
// proc_meminfo(5), MemAvailable. It is a guess where the system does not say it.
func FreeMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return guessedMemory
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); n == 1 && kilobytes > 0 {
			return kilobytes << 10
		}
	}
	return guessedMemory
}
