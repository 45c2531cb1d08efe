package wheel_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// TestOpenerKeepsMemory: opening and verifying a wheel takes 200 kB of buffers, which an Opener takes from the wheel before.
func TestOpenerKeepsMemory(t *testing.T) { // not parallel: it counts what is allocated
	made := wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "foo.py", Data: strings.Repeat("x = 1\n", 1000)}}}
	data := made.Bytes()
	var opener wheel.Opener
	least := uint64(1 << 30)
	for range 20 { // the garbage collector may take the buffers now and then
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w, err := opener.Open(bytes.NewReader(data), int64(len(data)), made.Filename())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verify(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if least > 64<<10 {
		t.Errorf("opening a small wheel after others takes %d bytes, want at most 64 KiB", least)
	}
}
