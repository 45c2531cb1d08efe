package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The files that the process which becomes the command inherits.
const (
	stepFD   = 3
	reportFD = 4
)

// failure is what that process reports when it could not become the command.
type failure struct {
	Code  int // of a StartError; 0 for another error
	Error string
}

// readReport reads that report. Nothing is there once execve(2) has closed the file.
func readReport(r *os.File) error {
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil || len(text) == 0 {
		return err
	}
	var f failure
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("reading why the command did not start: %w", err)
	}
	if f.Code != 0 {
		return &StartError{f.Code, errors.New(f.Error)}
	}
	return errors.New(f.Error)
}

// become gives up all rights and becomes the command.
func become() int {
	runtime.LockOSThread() // rights belong to a thread, and the one that calls execve(2) becomes the command
	report := os.NewFile(reportFD, "report")
	unix.CloseOnExec(reportFD)
	_, _ = report.Write([]byte{0}) // it waits; who does not read this has ended, and the kernel ends this process then
	s, err := readPlan[step](stepFD)
	for _, do := range []func() error{closeOthers, s.openTerminal, s.enterRoot, s.dropRights, s.filter, s.setLimits, s.exec} {
		if err == nil {
			err = do()
		}
	}
	return reportFailure(report, err)
}

// openTerminal makes the terminal that of this process, which leads a session and has none; see tty(4).
func (s step) openTerminal() error {
	if s.Terminal == "" {
		return nil
	}
	fd, err := unix.Open(s.Terminal, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the sandbox's terminal: %w", err)
	}
	for to := range 3 {
		if err := unix.Dup3(fd, to, 0); err != nil {
			return fmt.Errorf("taking the sandbox's terminal: %w", err)
		}
	}
	return nil
}

// closeOthers has execve(2) close all files but stdin, stdout and stderr. The caller may have got some of the host's from
// whoever started it, and a folder among them would be a way out of the root.
func closeOthers() error {
	const dir, first = "/proc/self/fd", 3
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("closing the caller's files: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// enterRoot goes into the root and becomes the command's user, where no namespace has done both.
func (s step) enterRoot() error {
	if s.Root != "" {
		grouped := syscall.Setgroups(s.User.Groups)
		if s.User.UID == 0 {
			grouped = nil // in a user namespace of one number nobody may set them
		}
		if err := errors.Join(os.Chdir(s.Root), syscall.Chroot("."), grouped,
			syscall.Setresgid(s.User.GID, s.User.GID, s.User.GID), syscall.Setresuid(s.User.UID, s.User.UID, s.User.UID)); err != nil {
			return fmt.Errorf("entering the root as user %d: %w", s.User.UID, err)
		}
	}
	// A change of user took this away.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0)
}

func reportFailure(report *os.File, err error) int {
	f := failure{Error: err.Error()}
	if start := (*StartError)(nil); errors.As(err, &start) {
		f.Code = start.Code
	}
	text, _ := json.Marshal(f)
	_, _ = report.Write(text)
	return 1
}

// kept are the capabilities that user 0 of a root with many users keeps, all of them over this root alone: those that
// package managers and servers need.
func kept() []uintptr {
	return []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID,
		unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_SETFCAP}
}

// dropRights takes the capabilities away, for good; see capabilities(7).
func (s step) dropRights() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding new privileges: %w", err)
	}
	var mask uint64
	if s.Keep {
		for _, c := range kept() {
			mask |= 1 << c
		}
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if mask&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("dropping capability %d: %w", c, err) // EPERM: this user has none to begin with
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	data := [2]unix.CapUserData{{Effective: uint32(mask), Permitted: uint32(mask)}, {Effective: uint32(mask >> 32), Permitted: uint32(mask >> 32)}}
	if os.Getuid() != 0 {
		data = [2]unix.CapUserData{}
	}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}

func (s step) setLimits() error {
	// If the machine runs out of memory, this command is to blame before anything else; see proc_pid_oom_score_adj(5). Where
	// there is no /proc it is not.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	limits := map[int]uint64{unix.RLIMIT_CORE: 0}
	if n := s.Limits.Processes; n > 0 {
		limits[unix.RLIMIT_NPROC] = uint64(n)
	}
	if n := s.Limits.Memory; n > 0 {
		const reserve = 4 << 30 // allocators and other languages reserve address space that they never use
		limits[unix.RLIMIT_AS] = uint64(2*n + reserve)
	}
	for what, n := range limits {
		var old unix.Rlimit
		if err := unix.Getrlimit(what, &old); err != nil {
			return fmt.Errorf("reading limit %d: %w", what, err)
		}
		n = min(n, old.Max)
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("setting limit %d: %w", what, err)
		}
	}
	return nil
}

// exec becomes the command; it returns only with an error.
func (s step) exec() error {
	if err := os.Chdir(s.Dir); err != nil {
		return &StartError{126, fmt.Errorf("entering the working directory: %w", err)}
	}
	program, err := lookUp(s.Args[0], s.Env)
	if err != nil {
		return err
	}
	err = syscall.Exec(program, s.Args, s.Env)
	return &StartError{codeOf(err), fmt.Errorf("starting %s: %w", program, explain(program, err))}
}

// codeOf is the exit code that shells have for an error of execve(2).
func codeOf(err error) int {
	if errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// explain says more of an error of execve(2).
func explain(program string, err error) error {
	_, missing := os.Stat(program)
	switch {
	case errors.Is(err, unix.ENOENT) && missing == nil:
		return fmt.Errorf("its interpreter or loader is not in the image: %w", err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("it is for another machine, and nothing emulates that here (binfmt_misc has no rule for it; --qemu names an emulator), or is no program: %w", err)
	}
	return err
}

// lookUp finds a program in PATH, as execvp(3) does.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	var found error
	for _, v := range env {
		list, ok := strings.CutPrefix(v, "PATH=")
		if !ok {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			at := path.Join("/", dir, name)
			info, err := os.Stat(at)
			switch {
			case err != nil || info.IsDir():
			case unix.Access(at, unix.X_OK) == nil:
				return at, nil
			default:
				found = &StartError{126, fmt.Errorf("starting %q: %s cannot be executed by this user", name, at)}
			}
		}
	}
	if found != nil {
		return "", found
	}
	return "", &StartError{127, fmt.Errorf("starting %q: there is no such program in PATH", name)}
}
