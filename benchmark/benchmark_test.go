package benchmark_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/benchmark"
	"github.com/pyimg/pyimg/benchmark/workload"
)

// fake is a Python that answers by a rule. It notes what it was asked.
type fake struct {
	name  string
	log   *log
	reply func(request map[string]any, reply *workload.Reply) error
}

type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(line string) { l.mu.Lock(); l.lines = append(l.lines, line); l.mu.Unlock() }

func (f fake) Run(_ context.Context, args, env []string) ([]byte, error) {
	var request map[string]any
	if err := json.Unmarshal([]byte(args[len(args)-1]), &request); err != nil {
		return nil, err
	}
	name, values := request["program"].(string), int(request["values"].(float64))
	loops := 8
	if known := request["loops"].(map[string]any); len(known) > 0 {
		loops = int(known[name].(float64))
	}
	f.log.add(fmt.Sprintf("%s %s %s x%d", env[0], f.name, name, loops))
	part := workload.Part{Name: name, Loops: loops}
	for range values {
		part.CPU, part.Wall = append(part.CPU, 0.5), append(part.Wall, 0.75)
	}
	reply := workload.Reply{Python: "3.13.5", Implementation: "cpython", Parts: []workload.Part{part}, Peak: 1 << 20}
	if f.reply != nil {
		if err := f.reply(request, &reply); err != nil {
			return nil, err
		}
	}
	return json.Marshal(reply)
}

func programs(names ...string) []workload.Program {
	all := make([]workload.Program, len(names))
	for i, n := range names {
		all[i].Name = n
	}
	return all
}

func subjects(of ...fake) []benchmark.Subject {
	all := make([]benchmark.Subject, len(of))
	for i, f := range of {
		all[i] = benchmark.Subject{Name: f.name, Python: f}
	}
	return all
}

// TestRoundsAreInterleaved wants each round to run all Pythons and the control, in an order that rotates, with the loops that the
// first one found out.
func TestRoundsAreInterleaved(t *testing.T) {
	t.Parallel()
	l := new(log)
	events := 0
	found, err := benchmark.Run(t.Context(), subjects(fake{name: "A", log: l}, fake{name: "B", log: l}), programs("calls", "json"),
		benchmark.Options{Rounds: 2, Values: 3, Seconds: 0.1, Progress: func(e benchmark.Event) {
			if e.Done != events || e.All != 16 {
				t.Errorf("event %d says that %d of %d processes are done, want %d of 16", events, e.Done, e.All, events)
			}
			events++
		}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(`PYTHONHASHSEED=0 A calls x8
PYTHONHASHSEED=0 B calls x8
PYTHONHASHSEED=0 A json x8
PYTHONHASHSEED=0 B json x8
PYTHONHASHSEED=1 A calls x8
PYTHONHASHSEED=1 B calls x8
PYTHONHASHSEED=1 A calls x8
PYTHONHASHSEED=1 A json x8
PYTHONHASHSEED=1 B json x8
PYTHONHASHSEED=1 A json x8
PYTHONHASHSEED=2 B calls x8
PYTHONHASHSEED=2 A calls x8
PYTHONHASHSEED=2 A calls x8
PYTHONHASHSEED=2 B json x8
PYTHONHASHSEED=2 A json x8
PYTHONHASHSEED=2 A json x8`, "\n")
	if !slices.Equal(l.lines, want) {
		t.Errorf("the processes were\n%s\nwant\n%s", strings.Join(l.lines, "\n"), strings.Join(want, "\n"))
	}
	if len(found.Subjects) != 2 || len(found.Control) != 2 || len(found.Subjects[1].Rows) != 2 {
		t.Fatalf("found %d subjects and %d rows of the control, want 2 and 2", len(found.Subjects), len(found.Control))
	}
	row := found.Subjects[1].Rows[0]
	if row.Name != "calls" || row.Loops != 8 || len(row.Runs) != 2 || len(row.Runs[0].CPU) != 3 || row.Runs[0].Wall != 0.75 || row.Runs[1].Round != 2 {
		t.Errorf("the row is %+v", row)
	}
}

// TestWhatCannotRun leaves a workload out that one Python cannot run, whatever the reason, and at whatever time.
func TestWhatCannotRun(t *testing.T) {
	t.Parallel()
	var starts atomic.Int32
	for name, reply := range map[string]func(map[string]any, *workload.Reply) error{
		"a module is missing": func(_ map[string]any, r *workload.Reply) error { r.Failed = "ModuleNotFoundError: sqlite3"; return nil },
		"it crashes": func(map[string]any, *workload.Reply) error {
			return &benchmark.EndedError{Reason: "it ended with code 139"}
		},
		"it lies":            func(_ map[string]any, r *workload.Reply) error { r.Parts[0].CPU[0] = -1; return nil },
		"it has other loops": func(_ map[string]any, r *workload.Reply) error { r.Parts[0].Loops = 9; return nil },
		"only at the end": func(q map[string]any, r *workload.Reply) error {
			if len(q["loops"].(map[string]any)) > 0 && starts.Add(1) > 2 {
				r.Failed = "out of memory"
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := new(log)
			some := func(q map[string]any, r *workload.Reply) error {
				if q["program"] == "json" {
					return reply(q, r)
				}
				return nil
			}
			found, err := benchmark.Run(t.Context(), subjects(fake{name: "A", log: l}, fake{name: "B", log: l, reply: some}), programs("calls", "json"),
				benchmark.Options{Rounds: 2, Values: 2})
			if err != nil {
				t.Fatal(err)
			}
			if len(found.LeftOut) != 1 || found.LeftOut[0].Name != "json" || !strings.HasPrefix(found.LeftOut[0].Reason, "B: ") {
				t.Errorf("left out: %+v, want json for B", found.LeftOut)
			}
			for _, s := range found.Subjects {
				if len(s.Rows) != 1 || s.Rows[0].Name != "calls" {
					t.Errorf("%s has the rows %+v, want calls alone", s.Name, s.Rows)
				}
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	l := new(log)
	wrong := fake{name: "B", log: l, reply: func(_ map[string]any, r *workload.Reply) error {
		r.Wrong = "calls: the result is 1, expected 2"
		return nil
	}}
	_, err := benchmark.Run(t.Context(), subjects(fake{name: "A", log: l}, wrong), programs("calls", "json"), benchmark.Options{Rounds: 1, Values: 1})
	if !errors.As(err, new(*benchmark.WrongError)) || !strings.Contains(err.Error(), `"B"`) {
		t.Errorf("a wrong result gives the error %v", err)
	}
	broken := errors.New("no sandbox here")
	_, err = benchmark.Run(t.Context(), subjects(fake{name: "A", log: l, reply: func(map[string]any, *workload.Reply) error { return broken }}), programs("calls"), benchmark.Options{Rounds: 1, Values: 1})
	if !errors.Is(err, broken) {
		t.Errorf("a machine that cannot run it gives the error %v", err)
	}
	none := fake{name: "A", log: l, reply: func(_ map[string]any, r *workload.Reply) error { r.Failed = "no such module"; return nil }}
	_, err = benchmark.Run(t.Context(), subjects(none), programs("calls"), benchmark.Options{Rounds: 1, Values: 1})
	if err == nil || !strings.Contains(err.Error(), "no workload could be measured") || !strings.Contains(err.Error(), "no such module") {
		t.Errorf("nothing that can be measured gives the error %v", err)
	}
}

// Run measures two Pythons, here invented ones.
func ExampleRun() {
	l := new(log)
	found, err := benchmark.Run(context.Background(), []benchmark.Subject{{Name: "old", Python: fake{name: "old", log: l}}, {Name: "new", Python: fake{name: "new", log: l}}},
		[]workload.Program{{Name: "calls"}}, benchmark.Options{Rounds: 3, Values: 1, Seconds: 0.1, Processor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range found.Subjects {
		fmt.Println(s.Name, s.Python, s.Rows[0].Name, len(s.Rows[0].Runs), "rounds")
	}
	// Output:
	// old 3.13.5 calls 3 rounds
	// new 3.13.5 calls 3 rounds
}
