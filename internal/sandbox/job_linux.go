package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// jobPrefix begins the name under which the program starts itself again for a Job.
const jobPrefix = "pyimg-sandbox-job-"

// gateFD is where a job waits until its numbers are mapped.
const gateFD = 3

// doJob is the process that does a job.
func doJob(name string, jobs []Job) int {
	runtime.LockOSThread()
	err := fmt.Errorf("there is no job %q", name)
	gate := os.NewFile(gateFD, "gate")
	if n, _ := gate.Read(make([]byte, 1)); n != 1 {
		return 1 // its caller is gone
	}
	if err := (plan{Wait: true}).takeRoot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, j := range jobs {
		if j.Name == name {
			err = j.Do(os.Args[1:])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// NeedsJobs reports whether the files of a root belong to numbers that only a Job can give them and take them from: those
// that newuidmap(1) gives an ordinary user. name tells apart roots with other such numbers.
func NeedsJobs() (name string, ok bool) {
	m := hostIDs()
	if !m.helper {
		return "", false
	}
	return fmt.Sprint("subordinate ", m.uid, m.gid), true
}

// RunJob runs a job of this program, see Main, as user 0 of a user namespace with all numbers that the caller may use. It has
// the host's files. The error is what the job returned.
func RunJob(ctx context.Context, name string, args []string, stdin io.Reader, stdout io.Writer) error {
	if !prepared {
		return errNotPrepared
	}
	m := hostIDs()
	if !m.helper {
		return errors.New("this user has no numbers in /etc/subuid and /etc/subgid, or newuidmap is missing")
	}
	wait, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wait.Close()
	defer open.Close()
	var said strings.Builder
	p := exec.CommandContext(ctx, "/proc/self/exe", args...)
	p.Args[0] = jobPrefix + name
	p.Env, p.ExtraFiles = []string{"GOMAXPROCS=2"}, []*os.File{wait}
	p.Stdin, p.Stdout, p.Stderr = stdin, stdout, &said
	p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, AmbientCaps: allCapabilities(), Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // see runInNamespaces
	defer runtime.UnlockOSThread()
	if err := p.Start(); err != nil {
		return &namespaceError{err}
	}
	err = m.runHelpers(p.Process.Pid)
	if err == nil {
		_, err = open.Write([]byte{1})
	}
	if err != nil {
		return errors.Join(err, p.Process.Kill(), ignoreExit(p.Wait()))
	}
	if err := p.Wait(); err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			return errors.New(text)
		}
		return err
	}
	return nil
}

// Mapped reports whether a number is one of this process's user namespace, see user_namespaces(7).
func Mapped(id int) bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, size int64
		if _, err := fmt.Sscan(line, &inside, &outside, &size); err == nil && int64(id) >= inside && int64(id)-inside < size {
			return true
		}
	}
	return false
}
