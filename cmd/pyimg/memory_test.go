package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestMemoryFollowsTheHeap changes the process's bound, so it runs alone.
func TestMemoryFollowsTheHeap(t *testing.T) { //nolint:paralleltest // see above
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(math.MaxInt64)
	boundMemory(func(string) string { return "off" })
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("with GOMEMLIMIT=off the bound is %d", got)
	}
	held := make([]byte, 200<<20)
	runtime.GC()
	followHeap()
	if got := debug.SetMemoryLimit(-1); got < 300<<20 || got > 600<<20 {
		t.Errorf("with %d bytes alive the bound is %d", len(held), got)
	}
	runtime.KeepAlive(held)
}
