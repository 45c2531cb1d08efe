// Package results is what a bench measured: for each Python, the times and the memory of each workload, round by round. It is read
// and written as pyperf does it, so that pyperf's own commands read it, too. It computes nothing.
package results

// Results are what a run of the bench measured.
type Results struct {
	Machine  Machine
	Subjects []Subject // the others are compared with the first
	// Control is the first subject again, measured as if it were another one: what differs there is noise.
	Control []Row
	LeftOut []LeftOut
	// Apart says that the subjects were not all measured in one run, so that the machine may have changed in between.
	Apart bool
}

// Machine is where and when it was measured.
type Machine struct {
	CPU        string    `json:"cpu_model_name,omitempty"`
	CPUs       int       `json:"cpu_count,omitempty"`
	Platform   string    `json:"platform,omitempty"`
	Date       string    `json:"date,omitempty"` // RFC 3339
	LoadBefore []float64 `json:"load_before,omitempty"`
	LoadAfter  []float64 `json:"load_after,omitempty"`
	Suite      string    `json:"suite,omitempty"`
	Version    string    `json:"version,omitempty"` // of pyimg
}

// Subject is a Python that was measured.
type Subject struct {
	Name   string
	Source string // what the command line named
	Python string // its version
	Rows   []Row
}

// Row is a workload of one subject.
type Row struct {
	Name  string
	Loops int
	Runs  []Run // at least one
}

// Run is one process: seconds of one loop, and bytes.
type Run struct {
	Round int       // counted from 1; 0 if that is not known
	CPU   []float64 // how often it was measured; at least once
	Wall  float64   // the shortest; 0 if that is not known
	Peak  int64     // the most memory that the process had; 0 if that is not known
}

// LeftOut is a workload that was not measured, and why.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Row is the row of that name; false where there is none.
func (s Subject) Row(name string) (Row, bool) { return find(s.Rows, name) }

func find(rows []Row, name string) (Row, bool) {
	for _, r := range rows {
		if r.Name == name {
			return r, true
		}
	}
	return Row{}, false
}

// ControlRow is the row of that name of the control; false where there is none.
func (r Results) ControlRow(name string) (Row, bool) { return find(r.Control, name) }
