package workload_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/benchmark/workload"
)

// TestSuite wants what the suite promises: a line that says what a workload does, a check of its result, and a screenful.
func TestSuite(t *testing.T) {
	t.Parallel()
	all := workload.Suite()
	if len(all) < 14 {
		t.Fatalf("the suite has only %q", workload.Names(all))
	}
	for _, p := range all {
		text, err := fs.ReadFile(workload.Files(), "workloads/"+p.Name+".py")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > 60 {
			t.Errorf("%s has %d lines, more than a screen", p.Name, n)
		}
		if p.About == "" || strings.Contains(p.About, "\n") {
			t.Errorf("%s says %q of itself, want a line", p.Name, p.About)
		}
		if !strings.Contains(string(text), "\nEXPECTED = ") && !strings.Contains(string(text), "import starting") {
			t.Errorf("%s does not check its result", p.Name)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	all := workload.Suite()
	for _, of := range []struct {
		names []string
		want  string
	}{
		{nil, strings.Join(workload.Names(all), " ")},
		{[]string{"json_documents", "calls"}, "calls json_documents"},
		{[]string{"start*"}, "start start_without_bytecode"},
		{[]string{"calls", "call?", "calls"}, "calls"},
	} {
		some, err := workload.Select(all, of.names)
		if got := strings.Join(workload.Names(some), " "); err != nil || got != of.want {
			t.Errorf("Select(%q) = %s, %v; want %s", of.names, got, err, of.want)
		}
	}
	for _, name := range []string{"nothing", "", "[a", "call"} {
		if some, err := workload.Select(all, []string{name}); err == nil {
			t.Errorf("Select(%q) = %v without an error", name, some)
		}
	}
}

const goodReply = `{"python": "3.13.5", "implementation": "cpython", "parts": [{"name": "calls", "loops": 8, "cpu": [0.1, 0.2], "wall": [0.1, 0.3]}], "peak": 1000}`

func request() workload.Request {
	return workload.Request{Program: workload.Program{Name: "calls"}, Loops: map[string]int{"calls": 8}, Values: 2}
}

func TestParseReply(t *testing.T) {
	t.Parallel()
	reply, err := workload.ParseReply([]byte(goodReply), request())
	if err != nil || reply.Python != "3.13.5" || reply.Peak != 1000 || len(reply.Parts) != 1 || reply.Parts[0].CPU[1] != 0.2 {
		t.Errorf("ParseReply = %+v, %v", reply, err)
	}
	failed, err := workload.ParseReply([]byte(`{"failed": "\u001b]0;title\u0007 no"}`), request())
	if err != nil || strings.ContainsAny(failed.Failed, "\x1b\x07") || failed.Failed == "" {
		t.Errorf("a failure with control characters = %q, %v", failed.Failed, err)
	}
}

// TestHostileReplies are what a Python may answer that wants to be believed, or to do harm.
func TestHostileReplies(t *testing.T) {
	t.Parallel()
	change := func(old, to string) string { return strings.Replace(goodReply, old, to, 1) }
	many := make([]string, 300)
	for i := range many {
		many[i] = `{"name": "` + strings.Repeat("x", i) + `", "loops": 1, "cpu": [1,1], "wall": [1,1]}`
	}
	for name, text := range map[string]string{
		"nothing": "", "a blank line": " \n", "no JSON": "hello", "a list": "[]", "two answers": goodReply + goodReply,
		"too much":               `{"x": "` + strings.Repeat("x", workload.MaxReply) + `"}`,
		"no parts":               `{"python": "3.13"}`,
		"parts without end":      change(`{"name": "calls"`, strings.Join(many, ",")+`,{"name": "calls"`),
		"a time of 0":            change("[0.1, 0.2]", "[0, 0.2]"),
		"a negative time":        change("[0.1, 0.2]", "[-1, 0.2]"),
		"a time that never ends": change("[0.1, 0.2]", "[1e300, 0.2]"),
		"an infinite time":       change("[0.1, 0.2]", "[1e999, 0.2]"),
		"too few times":          change("[0.1, 0.2]", "[0.1]"),
		"other loops":            change(`"loops": 8`, `"loops": 800`),
		"another part":           change(`"calls"`, `"sort"`),
		"a name with an escape":  change(`"calls"`, `"\u001b[31m"`),
		"a version in two lines": change("3.13.5", `3\n13`),
		"a long version":         change("3.13.5", strings.Repeat("3", 1000)),
		"no memory at all":       change("1000", "-5"),
		"all memory there is":    change("1000", "1e18"),
	} {
		if reply, err := workload.ParseReply([]byte(text), request()); err == nil {
			t.Errorf("%s: ParseReply = %+v without an error", name, reply)
		} else if strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 500 {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
	twice := change(`{"name"`, `{"name": "calls", "loops": 8, "cpu": [1,1], "wall": [1,1]}, {"name"`)
	if _, err := workload.ParseReply([]byte(twice), request()); err == nil {
		t.Error("a part that is there twice is taken")
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte(goodReply))
	f.Add([]byte(`{"failed": "no", "parts": [{"name": ""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		reply, err := workload.ParseReply(text, request())
		if err != nil || reply.Failed != "" || reply.Wrong != "" {
			return
		}
		for _, p := range reply.Parts {
			if p.Name != "calls" || p.Loops != 8 || len(p.CPU) != 2 || !(p.CPU[0] > 0) {
				t.Errorf("%q is taken as %+v", text, reply)
			}
		}
	})
}

func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFolder reads scripts as pyperformance lays them out: one without a project, one with a name of its own, and a variant.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"bm_plain/run_benchmark.py":        "",
		"bm_pickle/run_benchmark.py":       "",
		"bm_pickle/pyproject.toml":         "[project]\nname = 'x'\n[tool.pyperformance]\nname = 'pickle'\nextra_opts = ['pickle']\n",
		"bm_pickle/bm_pickle_list.toml":    "[tool.pyperformance]\nname = 'pickle_list'\nextra_opts = ['--protocol', '4', 'pickle_list']\n",
		"bm_without_script/pyproject.toml": "",
		"other/run_benchmark.py":           "",
	})
	all, err := workload.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := workload.Names(all); !slices.Equal(got, []string{"pickle", "pickle_list", "plain"}) {
		t.Fatalf("Folder found %q", got)
	}
	if p := all[1]; p.Script != "bm_pickle/run_benchmark.py" || strings.Join(p.Args, " ") != "--protocol 4 pickle_list" {
		t.Errorf("the variant is %+v", p)
	}
	for name, files := range map[string]map[string]string{
		"nothing":             {"README": ""},
		"a project in pieces": {"bm_x/run_benchmark.py": "", "bm_x/pyproject.toml": "[tool"},
		"a hostile name":      {"bm_x/run_benchmark.py": "", "bm_x/pyproject.toml": "[tool.pyperformance]\nname = \"\\u001b[2J\"\n"},
		"a huge project":      {"bm_x/run_benchmark.py": "", "bm_x/pyproject.toml": strings.Repeat("# x\n", 1<<16)},
	} {
		if all, err := workload.Folder(writeFiles(t, files)); err == nil {
			t.Errorf("%s: Folder found %v without an error", name, all)
		}
	}
}

func FuzzFolder(f *testing.F) {
	f.Add("[tool.pyperformance]\nname = 'pickle'\nextra_opts = ['pickle']\n")
	f.Fuzz(func(t *testing.T, project string) {
		all, err := workload.Folder(writeFiles(t, map[string]string{"bm_x/run_benchmark.py": "", "bm_x/pyproject.toml": project}))
		if err == nil && (len(all) != 1 || strings.ContainsAny(all[0].Name, "\x1b\n\x00")) {
			t.Errorf("Folder found %q", all)
		}
	})
}

// runWorker runs a request with the Python of this machine, if there is one.
func runWorker(t *testing.T, r workload.Request, scripts string) workload.Reply {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 on this machine")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, workload.Files()); err != nil {
		t.Fatal(err)
	}
	args := r.Args()
	for i := range args {
		args[i] = strings.NewReplacer(workload.SuiteRoot, scripts, workload.Root, dir).Replace(args[i])
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %q: %v", args, err)
	}
	reply, err := workload.ParseReply(out, r)
	if err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return reply
}

// TestWorkloadsAreRight runs each workload once: its result must be the expected one.
func TestWorkloadsAreRight(t *testing.T) {
	t.Parallel()
	for _, p := range workload.Suite() {
		reply := runWorker(t, workload.Request{Program: p, Loops: map[string]int{p.Name: 1}, Values: 1, Processor: -1}, "")
		if reply.Wrong != "" || reply.Failed != "" {
			t.Errorf("%s: %s%s", p.Name, reply.Wrong, reply.Failed)
		}
	}
}

// TestCalibration wants as many loops as take about the time that is asked for.
func TestCalibration(t *testing.T) {
	t.Parallel()
	reply := runWorker(t, workload.Request{Program: workload.Program{Name: "calls"}, Values: 1, Seconds: 0.05, Processor: -1}, "")
	if reply.Failed != "" {
		t.Fatal(reply.Failed)
	}
	p := reply.Parts[0]
	if took := float64(p.Loops) * p.CPU[0]; p.Loops < 2 || took < 0.005 || took > 0.5 {
		t.Errorf("%d loops of %gs take %gs, want about 0.05s", p.Loops, p.CPU[0], took)
	}
}

// TestStandIn runs a script that uses what scripts for pyperf use.
func TestStandIn(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{"bm_all/other.py": "N = 3\n", "bm_all/run_benchmark.py": `
import sys
import time
import pyperf
from other import N

def work(loops, n):
    t0 = pyperf.perf_counter()
    for _ in range(loops):
        sum(range(n))
    return pyperf.perf_counter() - t0

def pieces(loops):
    total = 0.
    for _ in range(loops):
        t0 = pyperf.perf_counter()
        sum(range(1000))
        total += pyperf.perf_counter() - t0
    return total

def other_clock(loops):
    t0 = time.perf_counter()
    for _ in range(loops):
        sum(range(1000))
    return time.perf_counter() - t0

async def wait(n):
    return n

def add_cmdline_args(cmd, args):
    cmd.append(args.which)

if __name__ == "__main__":
    runner = pyperf.Runner(values=3, add_cmdline_args=add_cmdline_args)
    runner.metadata["description"] = "all of it"
    runner.argparser.add_argument("which")
    args = runner.parse_args()
    print("this is no answer")
    runner.bench_time_func("time_" + args.which, work, 1000, inner_loops=10)
    runner.bench_time_func("pieces", pieces)
    runner.bench_time_func("other_clock", other_clock)
    runner.bench_func("func", sorted, [3, 1, N])
    runner.bench_async_func("async", wait, 1)
    runner.bench_command("command", [sys.executable, "-S", "-c", "pass"])
    runner.timeit("timeit", "x + 1", setup="x = 1")
    assert pyperf.python_implementation()
`})
	r := workload.Request{Program: workload.Program{Name: "all", Script: "bm_all/run_benchmark.py", Args: []string{"one"}}, Values: 2, Seconds: 0.001, Processor: -1}
	reply := runWorker(t, r, dir)
	if reply.Failed != "" || reply.Wrong != "" {
		t.Fatal(reply.Failed, reply.Wrong)
	}
	var names []string
	loops := make(map[string]int)
	for _, p := range reply.Parts {
		names = append(names, p.Name)
		loops[p.Name] = p.Loops
		if p.CPU[0] > 50*p.Wall[0]+0.01 {
			t.Errorf("%s: %gs of CPU in %gs", p.Name, p.CPU[0], p.Wall[0])
		}
	}
	if want := []string{"time_one", "pieces", "other_clock", "func", "async", "command", "timeit"}; !slices.Equal(names, want) {
		t.Errorf("the parts are %q, want %q", names, want)
	}
	r.Loops = loops
	if again := runWorker(t, r, dir); again.Failed != "" || len(again.Parts) != len(names) {
		t.Errorf("with known loops: %+v", again)
	}
}

// TestScriptsThatFail wants the reason, whatever a script does.
func TestScriptsThatFail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"import nothing_of_that_name":     "ModuleNotFoundError",
		"raise SystemExit(3)":             "it ended with 3",
		"raise KeyboardInterrupt":         "KeyboardInterrupt",
		"import pyperf; pyperf.nothing()": "AttributeError",
		"def f(: pass":                    "SyntaxError",
		"assert 1 == 2, 'arithmetic'":     "arithmetic",
	} {
		dir := writeFiles(t, map[string]string{"bm_x/run_benchmark.py": text})
		reply := runWorker(t, workload.Request{Program: workload.Program{Name: "x", Script: "bm_x/run_benchmark.py"}, Values: 1, Processor: -1}, dir)
		if !strings.Contains(reply.Failed+reply.Wrong, want) {
			t.Errorf("%s: the reason is %q%q, want %s in it", text, reply.Failed, reply.Wrong, want)
		}
	}
}

func TestRequestIsJSON(t *testing.T) {
	t.Parallel()
	args := workload.Request{Program: workload.Program{Name: `a"b`, Script: "bm_x/run_benchmark.py"}, Values: 1, Processor: 3}.Args()
	var back map[string]any
	if err := json.Unmarshal([]byte(args[len(args)-1]), &back); err != nil || back["program"] != `a"b` || back["script"] != "/pyimg-scripts/bm_x/run_benchmark.py" {
		t.Errorf("the request is %q, %v", args, err)
	}
}
