package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is how many bytes are allocated between two collections, at least.
const headroom = 96 << 20

// smallHeap is the heap that the runtime lets grow without collecting it, times
// the percentage (runtime/debug.SetGCPercent).
const smallHeap = 4 << 20

// tuneGC lets the heap grow by headroom before it is collected, or to twice its
// size if that is more. A command reads thousands of files in a second and
// ends: without this a third of its time goes into collecting a small heap
// again and again. With GOGC the user decides.
func tuneGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(headroom * 100 / smallHeap)
	afterGC()
}

// afterGC sets the percentage after every collection.
func afterGC() {
	sentinel := new(*int) // garbage: it is gone when a collection is
	runtime.AddCleanup(sentinel, func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(int(max(100, headroom*100/max(live[0].Value.Uint64(), smallHeap))))
		afterGC()
	}, struct{}{})
}
