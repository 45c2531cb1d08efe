package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pyimg/pyimg/internal/scratch"
	"golang.org/x/sys/unix"
)

// nobody is the user of a chroot where the numbers from base on are not to be had.
const nobody = 65534

// runInChroot runs the command with chroot(2), as a user without rights. The root is a copy on disk.
func runInChroot(ctx context.Context, c Command) (Exit, error) {
	if os.Geteuid() != 0 {
		return Exit{}, errors.New("isolating with chroot needs root")
	}
	for _, m := range c.Mounts {
		if m.Writable {
			return Exit{}, fmt.Errorf("mounting %s: without namespaces nothing can be mounted, only copied, so it cannot be writable", m.Source)
		}
	}
	if c.Emulator != "" {
		return Exit{}, errors.New("an emulator needs namespaces; without them the host's binfmt_misc serves")
	}
	c.notify(true, "namespaces are not to be had, so the command runs in a chroot: it can see the host's processes, its own limits and user number are all that holds it, and what it started may outlive a kill -9")
	if !isRoot() && !Mapped(nobody) {
		c.notify(true, "there is only one user number here, which the command therefore has: it can signal and trace the processes of that user")
	}
	// The sandbox removes what is in it, unless it is killed.
	root, done, err := scratch.Dir("run", 0o700)
	if err != nil {
		return Exit{}, err
	}
	defer done()
	ours, theirs, err := socketpair()
	if err != nil {
		return Exit{}, err
	}
	defer ours.Close()
	defer theirs.Close()
	p := c.plan(ids{})
	p.Scratch = root
	in, err := planPipe(p)
	if err != nil {
		return Exit{}, err
	}
	defer in.Close()
	process := exec.CommandContext(ctx, "/proc/self/exe")
	process.Args, process.Env, process.ExtraFiles = []string{chrootName}, []string{"GOMAXPROCS=2"}, []*os.File{theirs, in}
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// It ends by itself when the socket is closed, and ends the command before.
	process.Cancel = ours.Close
	process.WaitDelay = 10 * time.Second
	over := c.connect(process)
	if err := process.Start(); err != nil {
		return Exit{}, fmt.Errorf("starting the sandbox: %w", err)
	}
	_ = theirs.Close()
	return finish(ctx, c, ours, process, over)
}

// chrootOwner maps the numbers of a root that is entered with chroot(2) to those of the host.
func chrootOwner() func(id int) int {
	switch {
	case isRoot():
		return func(id int) int { return base + id }
	case Mapped(nobody):
		return func(int) int { return nobody }
	}
	return func(int) int { return 0 } // a user namespace of one number: there is no other
}

// supervisor is the process that runs the command in a chroot.
type supervisor struct {
	plan
	owner func(id int) int // a number of the root as one of the host
}

// becomeInChroot is that process.
func becomeInChroot() int {
	runtime.LockOSThread()
	control := os.NewFile(controlFD, "control")
	unix.CloseOnExec(controlFD)
	return answer(control, func() (Exit, error) {
		p, err := readPlan[plan](planFD)
		if err != nil {
			return Exit{}, err
		}
		if m, _, err := receive(control); err != nil || !m.Start {
			return Exit{}, errors.New("the sandbox was not told to start")
		}
		s := &supervisor{plan: p, owner: chrootOwner()}
		exit, err := s.run(control)
		return exit, errors.Join(err, os.RemoveAll(p.Scratch))
	})
}

func (s *supervisor) run(control *os.File) (Exit, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil { // so that no process of the command gets away
		return Exit{}, fmt.Errorf("collecting the command's processes: %w", err)
	}
	if err := s.makeRoot(); err != nil {
		return Exit{}, err
	}
	user := User{UID: s.owner(s.User.UID), GID: s.owner(s.User.GID)}
	for _, g := range s.User.Groups {
		user.Groups = append(user.Groups, s.owner(g))
	}
	step := step{Args: s.Args, Env: s.Env, Dir: s.Dir, Limits: s.Limits, Root: s.Scratch, User: user, NoInet: s.Network == NetworkNone}
	w := &watch{limits: s.Limits, pids: descendants, kill: killDescendants}
	c, err := startCommand("/proc/self/exe", &syscall.SysProcAttr{})
	if err != nil {
		return Exit{}, err
	}
	defer c.giveUp()
	exit, err := s.follow(control, c, step, w)
	killDescendants(syscall.SIGKILL)
	return exit, err
}

// makeRoot copies the root, what is to be mounted, and what the network needs, and makes the devices.
func (s *supervisor) makeRoot() error {
	for _, lower := range s.Lower {
		if err := copyLayer(lower, s.Scratch, isRoot()); err != nil {
			return fmt.Errorf("copying the root: %w", err)
		}
	}
	if err := errors.Join(os.Chmod(s.Scratch, 0o755), os.Lchown(s.Scratch, s.owner(0), s.owner(0))); err != nil {
		return fmt.Errorf("giving the root to its user: %w", err)
	}
	root, err := os.OpenRoot(s.Scratch)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, m := range s.copies() {
		if err := s.copyMount(root, m); err != nil {
			return fmt.Errorf("copying %s into the root: %w", m.Source, err)
		}
	}
	dir := strings.Trim(filepath.Clean("/"+s.Dir), "/")
	if dir != "" {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the working directory: %w", err)
		}
	}
	if !isRoot() {
		if err := s.giveAway(); err != nil {
			return err
		}
	}
	return s.makeDevices(root)
}

// copies are what is copied where namespaces would mount.
func (s *supervisor) copies() []Mount {
	var ms []Mount
	if s.Network == NetworkHost {
		ms = append(ms, Mount{Source: "/etc/resolv.conf", Target: "/etc/resolv.conf"}, Mount{Source: "/etc/hosts", Target: "/etc/hosts"})
	}
	ms = slices.DeleteFunc(ms, func(m Mount) bool { _, err := os.Stat(m.Source); return err != nil })
	return append(ms, s.Mounts...)
}

// copyMount copies a file or folder of the host to its place. The root's symlinks are not followed out of it.
func (s *supervisor) copyMount(root *os.Root, m Mount) error {
	target := strings.Trim(filepath.Clean(m.Target), "/")
	if err := root.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	info, err := os.Stat(m.Source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := root.MkdirAll(target, 0o755); err != nil {
			return err
		}
		return copyLayer(m.Source, filepath.Join(s.Scratch, target), false)
	}
	content, err := os.ReadFile(m.Source)
	if err != nil {
		return err
	}
	_ = root.Remove(target)
	return root.WriteFile(target, content, 0o644)
}

// giveAway gives all files to the one user that the command can be.
func (s *supervisor) giveAway() error {
	return filepath.WalkDir(s.Scratch, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, s.owner(0), s.owner(0))
	})
}

// makeDevices makes the devices that every program may use, where the container allows it.
func (s *supervisor) makeDevices(root *os.Root) error {
	for _, dir := range []string{"dev", "dev/shm", "tmp"} {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making /%s: %w", dir, err)
		}
	}
	if err := errors.Join(root.Chmod("dev/shm", 0o777|os.ModeSticky), root.Chmod("tmp", 0o777|os.ModeSticky)); err != nil {
		return fmt.Errorf("opening the root's folders for temporary files: %w", err)
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		at := filepath.Join(s.Scratch, "dev", name)
		_ = root.Remove("dev/" + name)
		if err := unix.Mknod(at, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			continue // without CAP_MKNOD there are none
		}
		if err := os.Chmod(at, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// abandon ends the command and removes its root; its caller is gone. In namespaces the kernel does both.
func (p plan) abandon() {
	if p.Scratch != "" {
		killDescendants(syscall.SIGKILL)
		_ = os.RemoveAll(p.Scratch)
	}
}

// killDescendants signals all processes below this one. With SIGKILL it goes on until none is left, since they may
// start others meanwhile.
func killDescendants(s syscall.Signal) {
	const tries = 100
	for range tries {
		pids := descendants()
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(n, s)
			}
		}
		if s != syscall.SIGKILL || len(pids) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// descendants are the processes below this one that still run, as /proc has them.
func descendants() []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	below := map[string]bool{strconv.Itoa(os.Getpid()): true}
	parents := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ") // proc_pid_stat(5): the name may hold anything
		fields := strings.Fields(rest)
		if ok && len(fields) > 1 && fields[0] != "Z" {
			parents[e.Name()] = fields[1]
		}
	}
	var found []string
	for grown := true; grown; {
		grown = false
		for pid, parent := range parents {
			if below[parent] && !below[pid] {
				below[pid], grown = true, true
				found = append(found, pid)
			}
		}
	}
	return found
}
