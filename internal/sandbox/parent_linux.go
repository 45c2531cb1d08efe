package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The names under which the program starts itself again.
const (
	initName    = "pyimg-sandbox-init"    // the first process of the namespaces, see initialize
	commandName = "pyimg-sandbox-command" // becomes the command, see become
	chrootName  = "pyimg-sandbox-chroot"  // the same without namespaces, see becomeInChroot
)

// A program that has not called Main would start itself again and again in place of the sandbox's first process.
//
//nolint:gochecknoglobals // Main is called once, before all else
var prepared bool

var errNotPrepared = errors.New("a program that runs commands in a sandbox must call sandbox.Main when it starts; this one has not")

// Main returns at once in a program that was started as usual. In one that Run or RunJob started again it does that one's
// work and never returns. jobs are what RunJob may ask for.
func Main(jobs ...Job) {
	prepared = true
	if name, ok := strings.CutPrefix(os.Args[0], jobPrefix); ok {
		os.Exit(doJob(name, jobs))
	}
	switch os.Args[0] {
	case initName:
		os.Exit(initialize())
	case commandName:
		os.Exit(become())
	case chrootName:
		os.Exit(becomeInChroot())
	}
}

// plan is a Command as the first process gets it.
type plan struct {
	Lower       []string
	Args, Env   []string
	Dir         string
	User        User
	UID, GID    []syscall.SysProcIDMap // of the command's user namespace
	Many        bool                   // more than one number is mapped
	HostRoot    bool                   // the first process is root of the host, in no user namespace of its own
	Wait        bool                   // the numbers are mapped once the first message arrives
	Hostname    string
	Mounts      []Mount
	Network     Network
	ReadOnly    bool
	Terminal    bool
	Limits      Limits
	Emulator    string
	EmulatorFor string
	Scratch     string // the folder of a root that is entered with chroot(2)
}

// Run runs the command and waits for its end. The error is a *StartError where the program is not there or cannot be run.
// Cancelling ctx ends the command and all that it started. So does the end of this process, however it ends.
func Run(ctx context.Context, c Command) (Exit, error) {
	if !prepared {
		return Exit{}, errNotPrepared
	}
	if err := c.check(); err != nil {
		return Exit{}, err
	}
	c.defaults()
	if c.Isolation == IsolationChroot {
		return runInChroot(ctx, c)
	}
	exit, err := runInNamespaces(ctx, c)
	if blocked := (*namespaceError)(nil); errors.As(err, &blocked) && c.Isolation == IsolationAuto && os.Geteuid() == 0 {
		return runInChroot(ctx, c)
	}
	return exit, err
}

func (c *Command) defaults() {
	if c.Hostname == "" {
		c.Hostname = "pyimg"
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	if c.Limits.Grace == 0 {
		c.Limits.Grace = 2 * time.Second
	}
}

func (c *Command) notify(warning bool, format string, args ...any) {
	if c.Notice != nil {
		c.Notice(Notice{warning, fmt.Sprintf(format, args...)})
	}
}

// runInNamespaces starts the first process and speaks with it until the command has ended.
func runInNamespaces(ctx context.Context, c Command) (Exit, error) {
	m := hostIDs()
	if !m.many() {
		c.notify(false, "there is one user number to be had, so all files belong to the command's user; /etc/subuid with newuidmap would give more")
	}
	if m.root && c.Emulator != "" {
		c.notify(true, "only an ordinary user's sandbox has rules of its own for an emulator; as root the host's rules in binfmt_misc serve")
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return Exit{}, err
	}
	defer ours.Close()
	defer theirs.Close()
	in, err := planPipe(c.plan(m))
	if err != nil {
		return Exit{}, err
	}
	defer in.Close()
	p := exec.CommandContext(ctx, "/proc/self/exe")
	p.Args = []string{initName}
	p.Env = []string{"GOMAXPROCS=2"}
	p.ExtraFiles = []*os.File{theirs, in}
	p.Cancel = func() error { return p.Process.Kill() }
	p.WaitDelay = 10 * time.Second // for the rest of the output
	over := c.connect(p)
	p.SysProcAttr = namespaces(c, m)

	// The kernel ends the first process when the thread that started it ends, so the thread stays.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.Start(); err != nil {
		return Exit{}, &namespaceError{err}
	}
	_ = theirs.Close()
	if m.helper {
		if err := m.runHelpers(p.Process.Pid); err != nil {
			return Exit{}, errors.Join(err, p.Process.Kill(), ignoreExit(p.Wait()))
		}
	}
	return finish(ctx, c, ours, p, over)
}

// finish speaks with the sandbox's process until the command has ended, and says how.
func finish(ctx context.Context, c Command, control *os.File, p *exec.Cmd, over func() string) (Exit, error) {
	session := &session{command: c, control: control}
	exit, err := session.run()
	waited := p.Wait()
	session.close()
	switch {
	case ctx.Err() != nil:
		return Exit{Code: 128 + int(syscall.SIGKILL)}, context.Cause(ctx)
	case err != nil:
		return Exit{}, err
	case over() != "":
		return Exit{Code: 128 + int(syscall.SIGKILL), Limit: over()}, nil
	case exit == nil:
		return Exit{}, fmt.Errorf("the sandbox ended before its command: %w", waited)
	}
	return *exit, nil
}

func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// plan is what the first process needs of the command.
func (c Command) plan(m ids) plan {
	p := plan{Lower: c.Lower, Args: c.Args, Env: c.Env, Dir: c.Dir, User: c.User, Many: m.many(), Wait: m.helper, HostRoot: m.root, Hostname: c.Hostname,
		Mounts: c.Mounts, Network: c.Network, ReadOnly: c.ReadOnly, Terminal: c.Terminal != nil, Limits: c.Limits,
		Emulator: c.Emulator, EmulatorFor: c.EmulatorFor}
	p.UID, p.GID = m.inner(c.User)
	return p
}

// namespaces asks for the namespaces of the first process.
func namespaces(c Command, m ids) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
	}
	if c.Network == NetworkNone {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	switch {
	case m.root:
	case m.helper:
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.AmbientCaps = allCapabilities() // they would be gone with execve(2), since no number is mapped yet
	default:
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings, a.GidMappings = m.uid, m.gid
	}
	return a
}

func allCapabilities() []uintptr {
	all := make([]uintptr, unix.CAP_LAST_CAP+1)
	for i := range all {
		all[i] = uintptr(i)
	}
	return all
}

// planPipe is a file to read the plan from.
func planPipe(p plan) (*os.File, error) {
	return memoryFile(p)
}

// forbidden begins an error of the first process that means that the system forbids what a namespace needs.
const forbidden = "forbidden: "

// namespaceError says that namespaces cannot be had, and what to do.
type namespaceError struct{ err error }

func (e *namespaceError) Error() string {
	text := "making the namespaces of the sandbox: " + e.err.Error()
	return text + "; " + namespaceAdvice(readSetting)
}

func (e *namespaceError) Unwrap() error { return e.err }

func readSetting(name string) string {
	text, _ := os.ReadFile(name)
	return strings.TrimSpace(string(text))
}

// namespaceAdvice names the setting that forbids namespaces, and the ways out.
func namespaceAdvice(setting func(string) string) string {
	const ways = "or run it as root with --isolation chroot, or on a machine that allows them"
	switch {
	case setting("/proc/sys/user/max_user_namespaces") == "0":
		return "user.max_user_namespaces is 0: raise it (sysctl -w user.max_user_namespaces=15000), " + ways
	case setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return "kernel.unprivileged_userns_clone is 0: set it to 1 (sysctl -w kernel.unprivileged_userns_clone=1), " + ways
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu): set it to 0 (sysctl -w kernel.apparmor_restrict_unprivileged_userns=0) or give pyimg an AppArmor profile with userns, " + ways
	}
	return "a container without --privileged often forbids them (seccomp, missing CAP_SYS_ADMIN): allow user namespaces there, " + ways
}
