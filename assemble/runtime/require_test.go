package runtime_test

import (
	"testing"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
)

func TestRequiredOfAProgramWithLibpython(t *testing.T) {
	t.Parallel()
	static := &python.Build{Version: "3.13.5", Flags: "-O3"}
	for name, c := range map[string]struct {
		report python.Report
		holds  bool
	}{
		"in the program, with bytecode": {python.Report{Python: static, Bytecode: python.Share{Files: 1}}, true},
		"without bytecode":              {python.Report{Python: static}, false},
		"shared":                        {python.Report{Python: &python.Build{Version: "3.13.5", Flags: "-O3", Shared: true}, Bytecode: python.Share{Files: 1}}, false},
		"nothing is known of it":        {python.Report{Python: &python.Build{Version: "3.13"}, Bytecode: python.Share{Files: 1}}, false},
		"no Python":                     {python.Report{Bytecode: python.Share{Files: 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := runtime.Required(spec.Runtime{Require: []string{"static-libpython", "bytecode"}}, "runtime x", c.report)
			if (err == nil) != c.holds {
				t.Errorf("Required = %v", err)
			}
		})
	}
}

// TestRequiredOfALinkedAllocator: a recipe's "--allocator jemalloc" leaves no library to preload, and the runtime's documents name it.
func TestRequiredOfALinkedAllocator(t *testing.T) {
	t.Parallel()
	wanted := spec.Runtime{Require: []string{"jemalloc"}}
	const bill = "/usr/local/share/sbom/cpython-3.13.5.cdx.json"
	report := python.Report{Prefix: "/usr/local", Python: &python.Build{Version: "3.13.5"}, Bundled: []python.Bundled{{Name: "expat", Path: bill}, {Name: "jemalloc", Path: "/usr/local/share/sbom/redis.cdx.json"}}}
	if err := runtime.Required(wanted, "runtime x", report); err == nil {
		t.Error("Required takes a Python without jemalloc")
	}
	report.Bundled = append(report.Bundled, python.Bundled{Name: "jemalloc", Version: "5.3.0", Path: bill})
	if err := runtime.Required(wanted, "runtime x", report); err != nil {
		t.Errorf("Required = %v", err)
	}
}
