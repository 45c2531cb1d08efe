package machine_test

import (
	"runtime"
	"testing"

	"github.com/pyimg/pyimg/internal/machine"
)

func TestMachine(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what is asked for here is Linux's")
	}
	if load := machine.Load(); len(load) != 3 || load[0] < 0 {
		t.Errorf("Load() = %v, want three averages", load)
	}
	if n := machine.LastProcessor(); n < 0 || n < runtime.NumCPU()-1 {
		t.Errorf("LastProcessor() = %d with %d processors", n, runtime.NumCPU())
	}
	if got, want := machine.Platform(), "linux/"+runtime.GOARCH; got != want {
		t.Errorf("Platform() = %q, want %q", got, want)
	}
}
