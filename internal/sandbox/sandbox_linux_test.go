package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyimg/pyimg/internal/sandbox"
)

// The test program is also what runs in the sandboxes: its first argument says what it does there.
func TestMain(m *testing.M) {
	sandbox.Main(sandbox.Job{Name: "give", Do: func(args []string) error { return os.Chown(args[0], 1000, 1001) }},
		sandbox.Job{Name: "remove", Do: func(args []string) error { return os.Remove(args[0]) }})
	if len(os.Args) > 1 && os.Args[0] == "probe" {
		os.Exit(probe(os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

func probe(what string, args []string) int {
	switch what {
	case "ids":
		fmt.Println(os.Getuid(), os.Getgid(), os.Getpid() < 20)
	case "say":
		fmt.Println(strings.Join(args, " "))
	case "env":
		wd, err := os.Getwd()
		fmt.Println(os.Environ(), wd, err)
	case "exit":
		n, _ := strconv.Atoi(args[0])
		return n
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Minute)
	case "cat":
		for _, name := range args {
			text, err := os.ReadFile(name)
			fmt.Printf("%s|%v\n", text, errors.Unwrap(err))
		}
	case "write":
		for _, name := range args {
			fmt.Println(errors.Unwrap(os.WriteFile(name, []byte("x"), 0o644)))
		}
	case "list":
		for _, name := range args {
			entries, err := os.ReadDir(name)
			if err != nil {
				fmt.Println(err)
			}
			for _, e := range entries {
				fmt.Println(e.Name())
			}
		}
	case "kill":
		pid, _ := strconv.Atoi(args[0])
		fmt.Println(syscall.Kill(pid, 0), syscall.Kill(1, syscall.SIGKILL))
	case "dial":
		_, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", args[0]) //nolint:noctx // it ends by itself
		fmt.Println(err)
	case "eat":
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte("x"), 1<<20)) //nolint:staticcheck // it is only to be there
		}
	case "eat-memfd":
		fd, err := unix.MemfdCreate("eaten", 0)
		for err == nil {
			_, err = unix.Write(fd, make([]byte, 1<<20))
		}
		fmt.Println(err)
	case "eat-shared":
		eatSegments()
	case "eat-many":
		for range 20 {
			c := exec.Command("/proc/self/exe") //nolint:noctx // the sandbox ends it
			c.Args = []string{"probe", "take", "20"}
			fmt.Println(c.Start())
		}
		time.Sleep(time.Minute)
	case "take":
		n, _ := strconv.Atoi(args[0])
		taken := bytes.Repeat([]byte("x"), n<<20)
		time.Sleep(time.Minute)
		return int(taken[0])
	case "files":
		entries, err := os.ReadDir("/proc/self/fd")
		for _, e := range entries {
			if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.Contains(target, "anon_inode") {
				fmt.Println(e.Name(), strings.Split(target, ":")[0])
			}
		}
		fmt.Println(err)
	case "reopen":
		f, err := os.OpenFile("/proc/self/fd/0", os.O_WRONLY|os.O_TRUNC, 0)
		if err == nil {
			_, err = f.WriteString("overwritten")
		}
		fmt.Println(err)
	case "new-user":
		fmt.Println(unix.Unshare(unix.CLONE_NEWUSER))
		_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
		fmt.Println(errno)
		c := exec.Command("/proc/self/exe") //nolint:noctx // the sandbox ends it
		c.Args = []string{"probe", "ids"}
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		fmt.Println(errors.Is(c.Run(), syscall.EPERM))
	case "fork":
		for {
			c := exec.Command("/proc/self/exe") //nolint:noctx // the sandbox ends it
			c.Args = []string{"probe", "sleep"}
			if c.Start() != nil {
				time.Sleep(time.Millisecond)
			}
		}
	case "fill":
		f, err := os.Create(args[0])
		for err == nil {
			_, err = f.Write(make([]byte, 1<<20))
		}
		fmt.Println(errors.Is(err, syscall.ENOSPC))
	case "fill-inodes":
		var err error
		for i := 0; err == nil; i++ {
			err = os.WriteFile(args[0]+strconv.Itoa(i), nil, 0o600)
		}
		fmt.Println(errors.Is(err, syscall.ENOSPC))
	case "chatter":
		for {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "sleep":
		time.Sleep(time.Minute)
	}
	return 0
}

// eatSegments fills System V shared memory that it does not keep attached.
func eatSegments() {
	const size = 1 << 20
	for {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
		if err != nil {
			fmt.Println(err)
			return
		}
		memory, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			fmt.Println(err)
			return
		}
		for i := 0; i < size; i += 4096 {
			memory[i] = 1
		}
		_ = unix.SysvShmDetach(memory)
	}
}

// program is a folder with the test program in it as /bin/probe, and mounts for its libraries where it has any.
func program(t *testing.T, args ...string) sandbox.Command {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.WriteFile(filepath.Join(dir, "bin", "probe"), content, 0o755),
		os.Chmod(dir, 0o755)); err != nil { //nolint:gosec // a root that its users can read
		t.Fatal(err)
	}
	c := sandbox.Command{Lower: []string{dir}, Args: append([]string{"probe"}, args...), Env: []string{"PATH=/bin"}}
	for _, lib := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64"} { // a race build is no static program
		if _, err := os.Stat(lib); err == nil {
			c.Mounts = append(c.Mounts, sandbox.Mount{Source: lib, Target: lib})
		}
	}
	return c
}

// run runs a command and returns what it wrote.
func run(t *testing.T, c sandbox.Command) (sandbox.Exit, string, error) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exit, err := sandbox.Run(ctx, c)
	if err != nil && strings.Contains(err.Error(), "making the namespaces") {
		t.Skipf("this machine allows no namespaces: %v", err)
	}
	return exit, out.String(), err
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want int
	}{{[]string{"exit", "0"}, 0}, {[]string{"exit", "7"}, 7}, {[]string{"die"}, 128 + 15}} {
		if exit, out, err := run(t, program(t, c.args...)); err != nil || exit.Code != c.want {
			t.Errorf("%v: %v, %v, want code %d\n%s", c.args, exit, err, c.want, out)
		}
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		want int
	}{{"nosuch", 127}, {"/nosuch", 127}, {"/bin", 126}} {
		command := program(t)
		command.Args = []string{c.name}
		var start *sandbox.StartError
		if _, _, err := run(t, command); !errors.As(err, &start) || start.Code != c.want {
			t.Errorf("running %s: %v, want a StartError with %d", c.name, err, c.want)
		}
	}
}

func TestSurroundings(t *testing.T) {
	t.Parallel()
	c := program(t, "ids")
	c.User = sandbox.User{UID: 1000, GID: 1001}
	if _, out, err := run(t, c); err != nil || out != "1000 1001 true\n" {
		t.Errorf("the command has the numbers %q, %v", out, err)
	}
	c = program(t, "env")
	c.Env, c.Dir = append(c.Env, "A=b c"), "/made/here"
	if _, out, err := run(t, c); err != nil || out != "[PATH=/bin A=b c] /made/here <nil>\n" {
		t.Errorf("the command has the environment and folder %q, %v", out, err)
	}
	c = program(t, "list", "/")
	if _, out, err := run(t, c); err != nil || strings.Contains(out, "home") || !strings.Contains(out, "proc\n") {
		t.Errorf("the root holds\n%s%v", out, err)
	}
}

// TestNothingOfTheHost tries to see, signal and write what is outside.
func TestNothingOfTheHost(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no loopback: %v", err)
	}
	defer listener.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of the host"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		bad  string
	}{
		{[]string{"cat", secret, "/proc/1/root" + secret, "/proc/1/cwd" + secret, "/proc/1/environ", "/../.." + secret}, "of the host"},
		{[]string{"kill", strconv.Itoa(os.Getpid())}, "<nil> <nil>"},
		{[]string{"dial", listener.Addr().String()}, "<nil>"},
		{[]string{"write", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/dev/null2"}, "<nil>"},
	} {
		if exit, out, err := run(t, program(t, c.args...)); err != nil || exit.Code != 0 || strings.Contains(out, c.bad) {
			t.Errorf("%v: %v, %v\n%s", c.args, exit, err, out)
		}
	}
}

func TestMountsAndReadOnly(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	if err := errors.Join(os.Chmod(shared, 0o777), os.WriteFile(filepath.Join(shared, "f"), []byte("hello"), 0o666), //nolint:gosec // others write there
		os.Chmod(filepath.Join(shared, "f"), 0o666)); err != nil { //nolint:gosec // likewise
		t.Fatal(err)
	}
	c := program(t, "write", "/data/f", "/data/new", "/tmp/ok", "/bin/x")
	c.Mounts = append(c.Mounts, sandbox.Mount{Source: shared, Target: "/data"})
	c.ReadOnly = true
	if _, out, err := run(t, c); err != nil || out != "read-only file system\nread-only file system\n<nil>\nread-only file system\n" {
		t.Errorf("a read-only mount: %q, %v", out, err)
	}
	c.Mounts[len(c.Mounts)-1].Writable = true
	if _, out, err := run(t, c); err != nil || !strings.HasPrefix(out, "<nil>\n<nil>\n<nil>\n") {
		t.Errorf("a writable mount: %q, %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(shared, "new")); err != nil {
		t.Errorf("what was written to the mount is not there: %v", err)
	}
}

// TestLayers stacks layers by overlayfs and, where there are more than it takes, by copying them.
func TestLayers(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]int{"overlay": 0, "copy": 300} { // more than fit into a page of mount options
		c := program(t, "cat", "/a", "/b", "/d/one", "/d/two")
		upper := t.TempDir()
		lower := c.Lower[0]
		if err := errors.Join(os.Chmod(upper, 0o755), os.WriteFile(filepath.Join(lower, "a"), []byte("lower a"), 0o644), //nolint:gosec // a root that its users can read
			os.WriteFile(filepath.Join(lower, "b"), []byte("lower b"), 0o644), os.Mkdir(filepath.Join(lower, "d"), 0o755),
			os.WriteFile(filepath.Join(lower, "d", "one"), nil, 0o644), os.Mkdir(filepath.Join(upper, "d"), 0o755),
			os.WriteFile(filepath.Join(upper, "a"), []byte("upper a"), 0o644), os.WriteFile(filepath.Join(upper, "d", "two"), []byte("2"), 0o644),
			syscall.Setxattr(filepath.Join(upper, "d"), "user.overlay.opaque", []byte("y"), 0),
			syscall.Mknod(filepath.Join(upper, "b"), syscall.S_IFCHR, 0)); err != nil {
			t.Skipf("no overlay marks can be made here: %v", err)
		}
		for range between {
			c.Lower = append(c.Lower, t.TempDir())
		}
		c.Lower = append(c.Lower, upper)
		copied := false
		c.Notice = func(n sandbox.Notice) { copied = copied || strings.Contains(n.Text, "copied into memory") }
		want := "upper a|<nil>\n|no such file or directory\n|no such file or directory\n2|<nil>\n"
		if _, out, err := run(t, c); err != nil || out != want {
			t.Errorf("%s: the layers show %q, %v, want %q", name, out, err, want)
		}
		if copied != (between > 0) {
			t.Errorf("%s: copied is %t", name, copied)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		limits sandbox.Limits
		want   string
	}{
		{[]string{"eat"}, sandbox.Limits{Memory: 200 << 20}, "memory"},
		{[]string{"eat-memfd"}, sandbox.Limits{Memory: 200 << 20}, "memory"},
		{[]string{"eat-shared"}, sandbox.Limits{Memory: 200 << 20}, "memory"},
		{[]string{"eat-many"}, sandbox.Limits{Memory: 200 << 20}, "memory"},
		{[]string{"fork"}, sandbox.Limits{Processes: 40}, "processes"},
		{[]string{"stubborn"}, sandbox.Limits{Time: 2 * time.Second, Grace: 100 * time.Millisecond}, "time"}, // time enough to begin ignoring SIGTERM
		{[]string{"chatter"}, sandbox.Limits{Output: 1 << 20}, "output"},
	} {
		command := program(t, c.args...)
		command.Limits = c.limits
		if exit, out, err := run(t, command); err != nil || exit.Limit != c.want || exit.Code != 137 || len(out) > 2<<20 {
			t.Errorf("%v: %+v, %v, %d bytes of output, want the limit %q", c.args, exit, err, len(out), c.want)
		}
	}
}

func TestFullDisks(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"fill", "fill-inodes"} {
		for _, where := range []string{"/tmp/full", "/dev/shm/full", "/full"} {
			c := program(t, how, where)
			c.Limits = sandbox.Limits{Disk: 4 << 20}
			if _, out, err := run(t, c); err != nil || out != "true\n" {
				t.Errorf("%s %s: %q, %v, want a full disk", how, where, out, err)
			}
		}
	}
}

// TestFilesOfTheCaller gives the calling process open files of the host. None must reach the command but through pipes.
func TestFilesOfTheCaller(t *testing.T) {
	t.Parallel()
	open, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0) // without O_CLOEXEC, as a shell's 5</
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(open) }()
	c := program(t, "files")
	if _, out, err := run(t, c); err != nil || strings.Contains(out, " /\n") || !strings.HasSuffix(out, "<nil>\n") {
		t.Errorf("the command has the files\n%s%v", out, err)
	}
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte("of the host"), 0o666); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c = program(t, "reopen")
	c.Stdin = in
	_, out, err := run(t, c)
	if text, _ := os.ReadFile(name); err != nil || string(text) != "of the host" {
		t.Errorf("the file that was stdin holds %q after %q, %v", text, out, err)
	}
	c = program(t, "cat", "/dev/stdin")
	c.Stdin, _ = os.Open(name)
	if _, out, err := run(t, c); err != nil || out != "of the host|<nil>\n" {
		t.Errorf("reading stdin: %q, %v", out, err)
	}
	folder, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c = program(t, "list", "/proc/self/fd/0/")
	c.Stdin = folder
	if _, out, err := run(t, c); err != nil || !strings.Contains(out, "not a directory") {
		t.Errorf("a folder as stdin shows %q, %v", out, err)
	}
}

func TestNoNewUserNamespaces(t *testing.T) {
	t.Parallel()
	for _, uid := range []int{0, 1000} {
		c := program(t, "new-user")
		c.User.UID = uid
		if _, out, err := run(t, c); err != nil || out != "operation not permitted\nfunction not implemented\ntrue\n" {
			t.Errorf("user %d: unshare, clone3 and clone answer %q, %v", uid, out, err)
		}
	}
}

// TestProgramOfOneUser runs a program that its owner alone may execute, as another user where there is one.
func TestProgramOfOneUser(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDBOX_CHILD") != "" {
		exit, out, err := run(t, program(t, "ids"))
		t.Logf("ran %v %q %v", exit, out, err)
		return
	}
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "own.test")
	if err := os.WriteFile(copied, content, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), copied, "-test.run", "^TestProgramOfOneUser$", "-test.v")
	child.Env = append(os.Environ(), "SANDBOX_CHILD=1")
	out, err := child.CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	if err != nil || !bytes.Contains(out, []byte(`ran {0 } "0 0 true\n" <nil>`)) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	c := program(t, "sleep")
	signals := make(chan os.Signal, 1)
	c.Signals = signals
	const sent = syscall.SIGTERM // programs below nohup(1) ignore SIGHUP, those in the sandbox too
	time.AfterFunc(200*time.Millisecond, func() { signals <- sent })
	if exit, _, err := run(t, c); err != nil || exit.Code != 128+int(sent) {
		t.Errorf("after %v: %v, %v, want %d", sent, exit, err, 128+int(sent))
	}
}

// TestKilledCallerLeavesNothing runs a sandbox in another process, and kills that with SIGKILL.
func TestKilledCallerLeavesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDBOX_CHILD") != "" {
		c := program(t, "stubborn")
		c.Args = append(c.Args, os.Getenv("SANDBOX_CHILD"))
		c.Stdout = os.Stdout
		_, err := sandbox.Run(context.Background(), c) //nolint:usetesting // the process is killed
		t.Fatal(err)
	}
	mark := "mark-" + strconv.Itoa(os.Getpid())
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestKilledCallerLeavesNothing$", "-test.v")
	child.Env = append(os.Environ(), "SANDBOX_CHILD="+mark)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 0, 4096)
	for !bytes.Contains(text, []byte("ready")) {
		n, err := out.Read(text[len(text):cap(text)])
		if err != nil {
			t.Skipf("the sandbox did not start: %s", text)
		}
		text = text[:len(text)+n]
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out) // ends when the last process that has the pipe ends
	_ = child.Wait()
	if left := processesWith(mark); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// processesWith are the processes with a word in their command line.
func processesWith(word string) []string {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.DeleteFunc(names, func(name string) bool {
		text, _ := os.ReadFile(name)
		return !strings.Contains(string(text), word)
	})
}

func TestChrootNeedsRoot(t *testing.T) {
	t.Parallel()
	c := program(t, "ids")
	c.Isolation = sandbox.IsolationChroot
	c.Mounts = nil
	exit, out, err := run(t, c)
	switch {
	case os.Geteuid() != 0 && err == nil:
		t.Errorf("an ordinary user got a chroot: %v %s", exit, out)
	case os.Geteuid() == 0 && (err != nil || strings.HasPrefix(out, "0 ")) && staticTest():
		t.Errorf("in a chroot the command has the numbers %q, %v, want others than 0", out, err)
	}
}

// staticTest reports whether the test program runs without libraries.
func staticTest() bool {
	out, err := exec.Command("ldd", os.Args[0]).CombinedOutput() //nolint:noctx // it ends at once
	return err != nil || strings.Contains(string(out), "not a dynamic")
}

func TestUnusableCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []sandbox.Command{{}, {Lower: []string{"/"}}, {Lower: []string{"/"}, Args: []string{"x"}, Mounts: []sandbox.Mount{{Source: "/", Target: "x"}}}} {
		if _, err := sandbox.Run(t.Context(), c); err == nil {
			t.Errorf("%+v ran", c)
		}
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	if _, ok := sandbox.NeedsJobs(); !ok {
		if err := sandbox.RunJob(t.Context(), "give", nil, nil, nil); err == nil {
			t.Error("a job ran without numbers to run it with")
		}
		t.Skip("this user has no numbers in /etc/subuid and /etc/subgid")
	}
	name := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.RunJob(t.Context(), "give", []string{name}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadDir(name); !errors.Is(err, os.ErrPermission) {
		t.Errorf("the folder still belongs to the caller: %v", err)
	}
	if err := sandbox.RunJob(t.Context(), "give", []string{"/nothing/here"}, nil, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a job that fails: %v", err)
	}
	if err := sandbox.RunJob(t.Context(), "nosuch", nil, nil, nil); err == nil {
		t.Error("a job that is not there ran")
	}
	if err := sandbox.RunJob(t.Context(), "remove", []string{name}, nil, nil); err != nil {
		t.Error(err)
	}
}
