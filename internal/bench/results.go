//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/pyimg/pyimg/internal/machine"
)

// results are what a run of the bench found, as -json writes them.
type results struct {
	Machine  string  `json:"machine"`
	Cores    int     `json:"cores"`
	Go       string  `json:"go"`
	Load     string  `json:"load"` // averages of 1, 5 and 15 minutes before the first scenario
	RTT      float64 `json:"rtt_ms"`
	Runs     int     `json:"runs"`
	Packages int     `json:"packages"`
	Size     int     `json:"package_mib"`
	Link     int     `json:"link_mb_s"`
	Rows     []row   `json:"scenarios"`
}

// A row is one scenario: medians of its runs, and the CPU of the cheapest and of the dearest.
type row struct {
	Name     string  `json:"name"`
	Wall     float64 `json:"wall_s"`
	CPU      float64 `json:"cpu_s"`
	CPULeast float64 `json:"cpu_least_s"`
	CPUMost  float64 `json:"cpu_most_s"`
	Floor    float64 `json:"cpu_to_floor,omitempty"`
	Against  float64 `json:"cpu_to_other,omitempty"` // to the CPU of another pyimg
	RSS      float64 `json:"rss_mib"`
	In       float64 `json:"in_mib"`
	Out      float64 `json:"out_mib"`
	Mirror   int     `json:"mirror_requests"`
	Registry int     `json:"registry_requests"`
	Absent   string  `json:"absent,omitempty"` // why it was not measured
}

func newResults(o options) *results {
	return &results{Machine: processor(), Cores: runtime.NumCPU(), Go: runtime.Version(), Load: load(),
		RTT: float64(o.rtt.Microseconds()) / 1000, Runs: o.runs, Packages: o.packages, Size: o.size, Link: o.link}
}

// processor is the processor's name where the system says it, and the platform.
func processor() string {
	if name := machine.Processor(); name != "" {
		return name + ", " + machine.Platform()
	}
	return machine.Platform()
}

// load are the load averages where Linux says them: what else the machine does.
func load() string {
	averages := machine.Load()
	if averages == nil {
		return "unknown"
	}
	return strings.Trim(fmt.Sprintf("%.2f", averages), "[]")
}

func (r *results) write(name string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

func readResults(name string) (*results, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(results)
	return r, json.Unmarshal(text, r)
}

// command is what the marks around the table of a page name.
const command = "make bench-docs"
