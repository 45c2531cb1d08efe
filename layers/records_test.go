package layers_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestEntriesOfManyFiles holds what reading a layer's entries allocates against their number: nearly every file of a
// package has a record, and a package may have hundreds of thousands of files.
func TestEntriesOfManyFiles(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	const files, most = 5_000, 500 // bytes an entry, with what it takes in the list
	var members []member
	for i := range files {
		m := file(fmt.Sprintf("f%d", i), "")
		m.header.PAXRecords = map[string]string{"APK-TOOLS.checksum.SHA1": strings.Repeat("0", 40)}
		members = append(members, m)
	}
	s := openStore(t)
	blob := ingest(t, s, gzTar(t, members...))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seen := 0
	for e, err := range s.Entries(blob.Digest) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.Size == 0 {
			seen++
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / files; seen != files || got > most {
		t.Errorf("reading %d entries allocated %d bytes for each, want %d entries and %d bytes at most", seen, got, files, most)
	}
}
