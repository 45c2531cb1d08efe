package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The names under which the program starts itself again.
const (
	initName    = "pyimg-sandbox-init"    // the first process of the namespaces, see initialize
	commandName = "pyimg-sandbox-command" // becomes the command, see become
	chrootName  = "pyimg-sandbox-chroot"  // the same without namespaces, see becomeInChroot
)

// Main returns at once in a program that was started as usual. In one that Run or RunJob started again it does that one's
// work and never returns. jobs are what RunJob may ask for.
func Main(jobs ...Job) {
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

// message is what the two ends of the control socket say to each other; each has one field set.
type message struct {
	Start  bool   `json:",omitempty"` // to init: the numbers are mapped
	Signal int    `json:",omitempty"` // to init: pass it on
	Master bool   `json:",omitempty"` // from init: the terminal comes with the message
	Notice string `json:",omitempty"` // from init
	Exit   *Exit  `json:",omitempty"` // from init: the command ended
	Error  string `json:",omitempty"` // from init: what failed
	Code   int    `json:",omitempty"` // with Error: that of a StartError
}

// Run runs the command and waits for its end. The error is a *StartError where the program is not there or cannot be run.
// Cancelling ctx ends the command and all that it started. So does the end of this process, however it ends.
func Run(ctx context.Context, c Command) (Exit, error) {
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

// connect sets up the command's input and output, and returns what says which limit of them was exceeded.
func (c Command) connect(p *exec.Cmd) (over func() string) {
	if c.Terminal != nil {
		return func() string { return "" }
	}
	c.hideFiles()
	p.Stdin, p.Stdout, p.Stderr = c.Stdin, c.Stdout, c.Stderr
	if c.Limits.Output == 0 {
		return func() string { return "" }
	}
	var exceeded atomicFlag
	limit := func(w io.Writer) io.Writer {
		if w == nil {
			return nil
		}
		return &limitedWriter{w: w, left: c.Limits.Output, over: func() {
			exceeded.set()
			_ = p.Process.Kill()
		}}
	}
	p.Stdout, p.Stderr = limit(c.Stdout), limit(c.Stderr)
	return func() string {
		if exceeded.isSet() {
			return "output"
		}
		return ""
	}
}

// hideFiles has the command read from and write to files through pipes. A file itself it could open again by
// /proc/self/fd, to write to what is there to be read, and of a folder it could leave the root.
func (c *Command) hideFiles() {
	if f, ok := c.Stdin.(*os.File); ok && hasContent(f) {
		c.Stdin = struct{ io.Reader }{f}
	}
	out, isOut := c.Stdout.(*os.File)
	errs, isErr := c.Stderr.(*os.File)
	if isOut && hasContent(out) {
		c.Stdout = &struct{ io.Writer }{out}
	}
	switch {
	case isErr && isOut && sameFile(out, errs):
		c.Stderr = c.Stdout // one pipe keeps the order of what is written
	case isErr && hasContent(errs):
		c.Stderr = &struct{ io.Writer }{errs}
	}
}

// hasContent reports whether a file is neither a pipe, a socket nor a device that is read in one way only.
func hasContent(f *os.File) bool {
	info, err := f.Stat()
	const stream = os.ModeNamedPipe | os.ModeSocket | os.ModeCharDevice
	return err == nil && info.Mode()&stream == 0
}

func sameFile(a, b *os.File) bool {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

type atomicFlag struct {
	mu sync.Mutex
	on bool
}

func (f *atomicFlag) set() { f.mu.Lock(); f.on = true; f.mu.Unlock() }

func (f *atomicFlag) isSet() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.on }

// limitedWriter writes so many bytes and then calls over once; the rest is thrown away.
type limitedWriter struct {
	w    io.Writer
	left int64
	over func()
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left < 0 {
		return len(p), nil
	}
	take := p[:min(int64(len(p)), l.left)]
	if l.left -= int64(len(p)); l.left < 0 {
		l.over()
	}
	if _, err := l.w.Write(take); err != nil {
		return 0, err
	}
	return len(p), nil
}

// socketpair makes the control socket. Each message is read whole, see unix(7).
func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket for the sandbox: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}

// planPipe is a file to read the plan from.
func planPipe(p plan) (*os.File, error) {
	return memoryFile(p)
}

// memoryFile is a file in memory with a value as JSON, to be read from its beginning.
func memoryFile(v any) (*os.File, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "plan")
	if _, err = f.Write(text); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return f, err
}

// session is a running command, as its caller sees it.
type session struct {
	command Command
	control *os.File
	master  *os.File
	restore func()
	copied  chan struct{}
}

// run speaks with the first process until it says how the command ended, or ends. A nil Exit is the latter.
func (s *session) run() (*Exit, error) {
	if err := send(s.control, message{Start: true}, nil); err != nil {
		return nil, nil //nolint:nilerr // it ended already, and how it ended says more
	}
	done := make(chan struct{})
	var passing sync.WaitGroup
	defer passing.Wait() // the caller closes the socket then
	defer close(done)
	passing.Go(func() { s.passSignals(done) })
	for {
		m, fd, err := receive(s.control)
		if err != nil {
			return nil, nil //nolint:nilerr // the first process ended, and how it ended says more
		}
		switch {
		case m.Master:
			s.master = os.NewFile(uintptr(fd), "terminal")
			s.attach(done)
		case m.Notice != "":
			s.command.notify(false, "%s", m.Notice)
		case m.Error != "" && m.Code != 0:
			return nil, &StartError{m.Code, errors.New(m.Error)}
		case m.Error != "" && strings.HasPrefix(m.Error, forbidden):
			return nil, &namespaceError{errors.New(strings.TrimPrefix(m.Error, forbidden))}
		case m.Error != "":
			return nil, errors.New(m.Error)
		case m.Exit != nil:
			return m.Exit, nil
		}
	}
}

func (s *session) passSignals(done <-chan struct{}) {
	for {
		select {
		case sig := <-s.command.Signals:
			n, ok := sig.(syscall.Signal)
			if !ok || send(s.control, message{Signal: int(n)}, nil) != nil {
				return
			}
		case <-done:
			return
		}
	}
}

// attach connects the caller's terminal with the command's.
func (s *session) attach(done <-chan struct{}) {
	tty := s.command.Terminal
	s.restore = func() {}
	if state, err := term.MakeRaw(int(tty.Fd())); err == nil {
		s.restore = func() { _ = term.Restore(int(tty.Fd()), state) }
	}
	s.resize()
	go s.followSize(done)
	go func() { _, _ = io.Copy(s.master, tty) }() // ends with the process: nothing ends a read from a terminal
	s.copied = make(chan struct{})
	go func() {
		defer close(s.copied)
		_, _ = io.Copy(tty, s.master) // ends with EIO when the command's side is closed
	}()
}

func (s *session) resize() {
	if size, err := unix.IoctlGetWinsize(int(s.command.Terminal.Fd()), unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, size)
	}
}

// followSize passes on the size of the caller's terminal when it changes.
func (s *session) followSize(done <-chan struct{}) {
	const often = 200 * time.Millisecond // a person who resizes a window does not notice it
	t := time.NewTicker(often)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.resize()
		case <-done:
			return
		}
	}
}

// close writes the rest of the output and puts the terminal back.
func (s *session) close() {
	if s.master == nil {
		return
	}
	select {
	case <-s.copied:
	case <-time.After(time.Second):
	}
	s.restore()
}

// send writes a message, and a file with it where fd is one.
func send(to *os.File, m message, file *os.File) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	return unix.Sendmsg(int(to.Fd()), text, rights, nil, unix.MSG_NOSIGNAL)
}

// receive reads a message and the file that comes with it, if one does.
func receive(from *os.File) (m message, fd int, err error) {
	text, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4))
	n, n2, _, _, err := unix.Recvmsg(int(from.Fd()), text, rights, unix.MSG_CMSG_CLOEXEC)
	for err == unix.EINTR { //nolint:errorlint // an errno
		n, n2, _, _, err = unix.Recvmsg(int(from.Fd()), text, rights, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return m, -1, err
	}
	if n == 0 {
		return m, -1, io.EOF
	}
	fd = -1
	if cs, err := unix.ParseSocketControlMessage(rights[:n2]); err == nil && len(cs) == 1 {
		if fds, err := unix.ParseUnixRights(&cs[0]); err == nil && len(fds) == 1 {
			fd = fds[0]
		}
	}
	return m, fd, json.Unmarshal(text[:n], &m)
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
