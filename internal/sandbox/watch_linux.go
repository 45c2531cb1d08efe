package sandbox

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watch ends the command when it exceeds a limit.
type watch struct {
	limits Limits
	pids   func() []string      // of the processes to be watched
	kill   func(syscall.Signal) // all of them
	dirs   []string             // what is written below them and is in memory counts
	ipc    bool                 // the command has System V shared memory of its own
	start  machineMemory        // of the machine, when the command started
	rest   time.Time            // before it no exact sum is made: that is slow
	mu     sync.Mutex
	limit  string
}

func (w *watch) exceeded() string { w.mu.Lock(); defer w.mu.Unlock(); return w.limit }

// end ends all processes.
func (w *watch) end(limit string) {
	w.mu.Lock()
	if w.limit == "" {
		w.limit = limit
	}
	w.mu.Unlock()
	w.kill(syscall.SIGKILL)
}

func (w *watch) run() {
	if w.limits.Time > 0 {
		time.AfterFunc(w.limits.Time, func() {
			w.mu.Lock()
			w.limit = "time"
			w.mu.Unlock()
			w.kill(syscall.SIGTERM)
			time.AfterFunc(w.limits.Grace, func() { w.end("time") })
		})
	}
	if w.limits.Memory == 0 && w.limits.Processes == 0 {
		return
	}
	w.start = readMachineMemory()
	for wait := shortest; ; {
		time.Sleep(wait)
		processes, memory, left := w.usage()
		switch {
		case w.limits.Processes > 0 && processes >= w.limits.Processes:
			w.end("processes")
		case w.limits.Memory > 0 && memory > w.limits.Memory:
			w.end("memory")
		}
		wait = untilNext(left, runtime.NumCPU())
		if w.limits.Processes > 0 && processes > w.limits.Processes/2 { // what starts processes without end loses some of them again when it reaches the limit
			wait = shortest
		}
	}
}

// Looking takes about a millisecond, so it is done seldom while the command is far from its limits.
const (
	shortest = 20 * time.Millisecond
	longest  = 250 * time.Millisecond
)

// untilNext is how long to wait before looking again, when left bytes are missing to the limit.
func untilNext(left int64, cpus int) time.Duration {
	const perMillisecond = 5 << 20 // bytes that a program on one CPU fills
	wait := time.Duration(left/(perMillisecond*int64(cpus))) * time.Millisecond
	return min(max(wait, shortest), longest)
}

// allPIDs are those of all processes of the namespace but for this one.
func allPIDs() []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []string
	for _, e := range entries {
		if name := e.Name(); name[0] >= '0' && name[0] <= '9' && name != "1" {
			pids = append(pids, name)
		}
	}
	return pids
}

// usage is how many threads there are, which RLIMIT_NPROC counts as well, and what memory the processes and the written
// files take. The first sum is quick and never too small; the exact one is made only where that is above the limit.
// left is how many bytes are missing to the limit, or until the machine has little left.
func (w *watch) usage() (threadCount int, memory, left int64) {
	pids := w.pids()
	for _, pid := range pids {
		threadCount += threads(pid)
		memory += resident(pid)
	}
	limit := w.limits.Memory
	if limit == 0 {
		return threadCount, 0, math.MaxInt64
	}
	now, files := readMachineMemory(), written(w.dirs)
	memory += max(files, now.shared-w.start.shared) // of these a process may have none mapped
	if begin := time.Now(); memory > limit {
		if begin.Before(w.rest) {
			return threadCount, 0, 0
		}
		memory = w.exact(pids)
		const share = 4 // of the time at most a fifth goes into this
		w.rest = time.Now().Add(share * time.Since(begin))
	}
	memory += w.unseen(now, memory)
	return threadCount, memory, min(limit-memory, now.available-now.total/littleShare)
}

// exact is the memory of the processes, each page counted once, and of what is in memory without being mapped. A page of a
// file in memory is both where it is mapped, so of shared memory the larger sum counts.
func (w *watch) exact(pids []string) int64 {
	var private, mapped int64
	unmapped := written(w.dirs)
	seen := make(map[uint64]bool)
	for _, pid := range pids {
		all, shared := proportional(pid)
		private, mapped = private+all-shared, mapped+shared
		unmapped += memoryFiles(pid, seen)
	}
	if w.ipc {
		unmapped += sharedSegments()
	}
	return private + max(mapped, unmapped)
}

// littleShare: the machine has little memory left where less than this part of all is available.
const littleShare = 10

// unseen is memory that belongs to no process and no file: what sockets and pipes hold, and files in memory that are on
// their way through a socket. Only the machine's free memory shows it, which others take as well: so it counts only where
// little is left.
func (w *watch) unseen(now machineMemory, known int64) int64 {
	if gone := w.start.available - now.available; now.available < now.total/littleShare && gone > known {
		return gone - known
	}
	return 0
}

// machineMemory is what the machine has, in bytes; see proc_meminfo(5).
type machineMemory struct{ total, available, shared int64 }

func readMachineMemory() (m machineMemory) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "MemTotal":
			m.total = kilobytes(value)
		case "MemAvailable":
			m.available = kilobytes(value)
		case "Shmem":
			m.shared = kilobytes(value)
		}
	}
	return m
}

func kilobytes(text string) (size int64) {
	if _, err := fmt.Sscan(text, &size); err != nil {
		return 0
	}
	return size << 10
}

// memoryFiles is what the files of memfd_create(2) take that a process has open, but for those seen already.
func memoryFiles(pid string, seen map[uint64]bool) (size int64) {
	const blockSize = 512 // of stat(2)
	dir := "/proc/" + pid + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		target, err := os.Readlink(dir + e.Name())
		if err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue
		}
		var s unix.Stat_t
		if unix.Stat(dir+e.Name(), &s) == nil && !seen[s.Ino] {
			seen[s.Ino] = true
			size += s.Blocks * blockSize
		}
	}
	return size
}

// sharedSegments is what System V shared memory of this namespace takes, attached or not; see sysvipc(7).
func sharedSegments() (size int64) {
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		return 0
	}
	const column = 14 // rss, in bytes
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > column {
			n, _ := strconv.ParseInt(fields[column], 10, 64) // the heading is no number
			size += n
		}
	}
	return size
}

// threads is how many threads a process has; see proc_pid_stat(5).
func threads(pid string) int {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	const field = 20 - 3 // num_threads; the fields after the name begin with the third
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= field {
		return 1
	}
	n, _ := strconv.Atoi(fields[field])
	return n
}

// written is what the files in memory take, and their inodes.
func written(dirs []string) (size int64) {
	const inode = 1 << 10 // of the kernel's memory, about
	for _, dir := range dirs {
		var s unix.Statfs_t
		if unix.Statfs(dir, &s) == nil && (s.Type == unix.TMPFS_MAGIC || s.Type == unix.OVERLAYFS_SUPER_MAGIC) {
			size += int64(s.Blocks-s.Bfree)*int64(s.Bsize) + int64(s.Files-s.Ffree)*inode //nolint:unconvert // 32 bits on some machines
		}
	}
	return size
}

// resident is the memory that a process has, shared pages included; see proc_pid_statm(5).
func resident(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// proportional is the memory of a process with its share of what several have, and how much of that is shared memory or
// files in memory; see proc_pid_smaps(5).
func proportional(pid string) (all, shared int64) {
	text, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if err != nil {
		return resident(pid), 0
	}
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "Pss":
			all = kilobytes(value)
		case "Pss_Shmem":
			shared = kilobytes(value)
		}
	}
	return all, shared
}
