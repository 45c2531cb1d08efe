package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The files that the first process inherits.
const (
	controlFD = 3
	planFD    = 4
)

// initialize is the first process of the namespaces: it makes the root, starts the command, passes signals on, collects
// orphans, and watches the limits. When it ends, the kernel ends all that is in the namespaces.
func initialize() int {
	runtime.LockOSThread() // the kernel ends the command when the thread that started it ends
	control := os.NewFile(controlFD, "control")
	unix.CloseOnExec(controlFD)
	return answer(control, func() (Exit, error) { return runInit(control) })
}

// answer does the sandbox's work and reports to the caller how it ended.
func answer(control *os.File, work func() (Exit, error)) int {
	exit, err := work()
	if err == nil {
		err = send(control, message{Exit: &exit}, nil)
	} else {
		m := message{Error: err.Error()}
		if start := (*StartError)(nil); errors.As(err, &start) {
			m.Code = start.Code
		} else if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			m.Error = forbidden + m.Error
		}
		err = send(control, m, nil)
	}
	if err != nil {
		return 1
	}
	return 0
}

func runInit(control *os.File) (Exit, error) {
	p, err := readPlan[plan](planFD)
	if err != nil {
		return Exit{}, err
	}
	if m, _, err := receive(control); err != nil || !m.Start {
		return Exit{}, errors.New("the sandbox was not told to start")
	}
	if err := p.takeRoot(); err != nil {
		return Exit{}, err
	}
	c, err := p.startEarly()
	if err != nil {
		return Exit{}, err
	}
	defer c.giveUp()
	if err = p.makeRoot(func(text string) { _ = send(control, message{Notice: text}, nil) }); err != nil {
		return Exit{}, err
	}
	// The command may have this process's number on the host, and must not trace it.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return Exit{}, fmt.Errorf("forbidding to trace the sandbox: %w", err)
	}
	_, _ = unix.KeyctlJoinSessionKeyring("") // the caller's keys stay outside; a kernel may have no keyrings
	return p.supervise(control, c)
}

// startEarly starts the process that becomes the command while the host's root is there: this program may need the host's
// loader and libraries. When the root changes, the kernel changes it for that process, too; see pivot_root(2). A /proc of this
// namespace is needed to give it its numbers.
func (p plan) startEarly() (*command, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("keeping mounts from the host: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC, ""); err != nil {
		return nil, fmt.Errorf("mounting /proc: %w", err)
	}
	program, err := p.program()
	if err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: p.UID, GidMappings: p.GID, GidMappingsEnableSetgroups: p.Many,
		Credential: &syscall.Credential{Uid: uint32(p.User.UID), Gid: uint32(p.User.GID), NoSetGroups: !p.Many},
	}
	for _, g := range p.User.Groups {
		attr.Credential.Groups = append(attr.Credential.Groups, uint32(g))
	}
	return startCommand(program, attr)
}

// takeRoot becomes user 0 of the namespace where the numbers came after the start.
func (p plan) takeRoot() error {
	if !p.Wait {
		return nil
	}
	if err := errors.Join(syscall.Setresgid(0, 0, 0), syscall.Setresuid(0, 0, 0)); err != nil {
		return fmt.Errorf("becoming user 0 of the sandbox: %w", err)
	}
	return nil
}

func readPlan[T any](fd uintptr) (T, error) {
	var p T
	f := os.NewFile(fd, "plan")
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&p); err != nil {
		return p, fmt.Errorf("reading the sandbox's plan: %w", err)
	}
	return p, nil
}

// step is the plan of the process that becomes the command.
type step struct {
	Args, Env []string
	Dir       string
	Keep      bool // user 0 keeps the capabilities that a container's root has
	Limits    Limits
	// Root and User are what chroot(2) and setresuid(2) are to be called with; "" where namespaces have done both.
	Root   string
	User   User
	NoInet bool // sockets of no other kind than AF_UNIX
	// Terminal is the terminal that the command gets in place of stdin, stdout and stderr; "" for none.
	Terminal string
}

// supervise tells the waiting process what to become, and waits for it.
func (p plan) supervise(control *os.File, c *command) (Exit, error) {
	for fd := range 3 {
		if err := p.giveStream(fd); err != nil {
			return Exit{}, err
		}
	}
	s := step{Args: p.Args, Env: p.Env, Dir: p.Dir, Keep: p.Many && p.User.UID == 0, Limits: p.Limits}
	w := &watch{limits: p.Limits, pids: allPIDs, kill: func(s syscall.Signal) { _ = syscall.Kill(-1, s) }, dirs: []string{"/", "/tmp", "/dev/shm"}, ipc: true}
	return p.follow(control, c, s, w)
}

// giveStream gives stdin, stdout or stderr to the command's user where it is a pipe, so that /dev/stdout can be opened. The
// pipe may come from another user, who keeps it then.
func (p plan) giveStream(fd int) error {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil || s.Mode&unix.S_IFMT != unix.S_IFIFO || !p.Many {
		return nil //nolint:nilerr // the command starts without it
	}
	err := unix.Fchown(fd, p.host(p.UID, p.User.UID), p.host(p.GID, p.User.GID))
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// follow has the process become the command and waits for it, while w watches its limits.
func (p plan) follow(control *os.File, c *command, s step, w *watch) (Exit, error) {
	if p.Terminal {
		var err error
		if s.Terminal, err = p.terminal(control); err != nil {
			return Exit{}, err
		}
	}
	if err := c.become(s); err != nil {
		return Exit{}, err
	}
	go w.run()
	became := make(chan error, 1) // has what became of it, which is known once execve(2) has closed the report
	ready := make(chan struct{})
	go func() {
		became <- readReport(c.report)
		close(ready)
	}()
	go p.passOn(control, c.process, ready)
	status, err := reap(c.process.Pid)
	if err != nil {
		return Exit{}, err
	}
	if err := <-became; err != nil {
		return Exit{}, err
	}
	return Exit{Code: exitCode(status), Limit: w.exceeded()}, nil
}

func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// command is a process that waits to be told what to become.
type command struct {
	process *os.Process
	plan    *os.File // where it reads its step from
	report  *os.File // where it says why it could not become the command
}

// startCommand starts that process.
func startCommand(program string, attr *syscall.SysProcAttr) (_ *command, err error) {
	in, plan, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	report, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, plan.Close())
	}
	defer write.Close()
	c := exec.Command(program) //nolint:noctx // the caller's end ends this process, and with it the command
	c.Args = []string{commandName}
	c.Env = []string{"GOMAXPROCS=1"}
	c.ExtraFiles = []*os.File{in, write}
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	attr.Setsid, attr.Pdeathsig = true, syscall.SIGKILL
	c.SysProcAttr = attr
	if err := c.Start(); err != nil {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) { // so clone(2) says that there may be no more namespaces
			err = fmt.Errorf("%w (%w)", unix.EPERM, err)
		}
		return nil, errors.Join(fmt.Errorf("starting the command in the sandbox: %w", err), plan.Close(), report.Close())
	}
	started := &command{c.Process, plan, report}
	// Its loader reads libraries until then.
	if _, err := io.ReadFull(report, make([]byte, 1)); err != nil {
		started.giveUp()
		return nil, errors.Join(errors.New("starting the command in the sandbox: it ended at once"), report.Close())
	}
	return started, nil
}

// become tells the process its step.
func (c *command) become(s step) error {
	err := json.NewEncoder(c.plan).Encode(s)
	if err = errors.Join(err, c.plan.Close()); err != nil {
		return fmt.Errorf("telling the sandbox's command what to run: %w", err)
	}
	return nil
}

// giveUp ends the process where it still waits.
func (c *command) giveUp() { _ = c.plan.Close() }

// terminal makes the command's terminal and sends its other end to the caller.
func (p plan) terminal(control *os.File) (name string, err error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", fmt.Errorf("making a terminal in the sandbox: %w", err)
	}
	defer master.Close()
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		return "", fmt.Errorf("making a terminal in the sandbox: %w", err)
	}
	name = fmt.Sprintf("/dev/pts/%d", number)
	if p.Many {
		err = os.Chown(name, p.host(p.UID, p.User.UID), p.host(p.GID, p.User.GID))
	}
	return name, errors.Join(err, send(control, message{Master: true}, master))
}

// host is what a number of the command's namespace is in that of the first process.
func (p plan) host(maps []syscall.SysProcIDMap, id int) int {
	for _, m := range maps {
		if id >= m.ContainerID && id < m.ContainerID+m.Size {
			return m.HostID + id - m.ContainerID
		}
	}
	return -1
}

// passOn passes the caller's signals on once the command is ready: one that comes while execve(2) ends the other threads of the process
// can get lost. When the caller ends, so do this process and the command.
func (p plan) passOn(control *os.File, command *os.Process, ready <-chan struct{}) {
	for {
		m, _, err := receive(control)
		if err != nil {
			p.abandon()
			os.Exit(1)
		}
		if m.Signal != 0 {
			<-ready
			_ = command.Signal(syscall.Signal(m.Signal))
		}
	}
}

// reap waits for the command, and for every orphan until then.
func reap(pid int) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("waiting for the command: %w", err)
		case got == pid:
			return status, nil
		}
	}
}
