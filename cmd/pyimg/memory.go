package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// smallHeap is what runs with few packages stay below: the collector runs earlier there than it would by itself.
	smallHeap = 72 << 20
	// leastRoom keeps a run with little alive from collecting all the time.
	leastRoom = 16 << 20
	// smallLive is what windows of compressors and the like take in many runs; what is alive beyond it is of many files, which are
	// walked again and again.
	smallLive = 44 << 20
)

// boundMemory has the garbage collected earlier where much is in use, rather than when it has doubled. The bound follows
// what is alive. GOMEMLIMIT, also "off", sets another bound or none.
func boundMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(smallHeap)
	afterCollection(followHeap)
}

// afterCollection calls do after each collection of garbage, among which is an object made for it.
func afterCollection(do func()) {
	runtime.SetFinalizer(&struct{ _ [16]byte }{}, func(*struct{ _ [16]byte }) {
		do()
		afterCollection(do)
	})
}

// followHeap sets the bound to what is alive and its room; the bound counts the program's other memory, too.
func followHeap() {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = int64(s.Value.Uint64())
	}
	live := values[0]
	room := min(live*3/4, 2*max(live-smallLive, 0)) // with much less, the collector runs more and more often while it frees less and less
	others := values[1] - values[2] - values[3] - values[4] - values[5]
	debug.SetMemoryLimit(max(smallHeap, live+max(leastRoom, room)+others))
}
