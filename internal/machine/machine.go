// Package machine says what a measurement was made on: the processor, and what else the machine does.
package machine

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Processor is the processor's name; "" where the system does not say it.
func Processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Platform is the system and the architecture of this program, such as linux/amd64.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// Load is the load averages of 1, 5 and 15 minutes; nil where the system does not say them.
func Load() []float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	var load []float64
	for _, word := range strings.Fields(string(text)) {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil || len(load) == 3 {
			break
		}
		load = append(load, x)
	}
	return load
}

// Processors is how many processors this process may use.
func Processors() int { return runtime.NumCPU() }
