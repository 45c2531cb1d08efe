// Package sandbox runs one command in a root that is given as folders, without the rights of its caller. The command
// sees no file, process, message queue or, unless asked otherwise, network of the host; what it writes is in memory and
// gone afterwards. It works for an ordinary user, in Linux namespaces, and for root in a container that forbids these, with
// chroot(2) and less isolation. It knows nothing of images.
//
// The calling program must call [Main] first thing in its main function: the sandbox starts the program itself again, as
// the first process in the new namespaces. See namespaces(7), user_namespaces(7), pivot_root(2).
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A Command is what to run and in what surroundings. The zero values of its options isolate most.
type Command struct {
	// Lower are the folders that make up the root, the lowest first. Deleted paths are marked as overlayfs does it with
	// the option userxattr: a character device 0:0, and user.overlay.opaque. They are never written to.
	Lower []string
	// Args are the program and its arguments. A name without "/" is looked up in PATH of Env, inside the root.
	Args []string
	Env  []string
	// Dir is the working directory; "" is "/". It is made where it is missing.
	Dir  string
	User User

	Hostname  string // "" is "pyimg"
	Mounts    []Mount
	Network   Network
	Isolation Isolation
	ReadOnly  bool // the root cannot be written to; /tmp and /dev/shm still can
	Limits    Limits
	// Emulator is a static qemu-user program for binaries of another machine, and EmulatorFor that machine as binfmt.d(5)
	// files name it, such as "aarch64". Without it such binaries need a rule of the host's own.
	Emulator, EmulatorFor string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal is the terminal that the command's own is connected to: its input comes from there and its output goes there, in
	// place of Stdin, Stdout and Stderr.
	Terminal *os.File
	// Signals are passed on to the command.
	Signals <-chan os.Signal
	// Notice is called with what a person may want to know of how the command runs; nil: nobody wants to.
	Notice func(Notice)
}

// User is whom the command runs as, in the numbers of the root.
type User struct {
	UID, GID int
	Groups   []int // supplementary groups; left out where only one user number can be had
}

// A Mount shows a file or folder of the host in the root.
type Mount struct {
	Source, Target string // Target is absolute
	Writable       bool
}

// Network says which network the command has.
type Network int

// The networks.
const (
	NetworkNone Network = iota // a loopback interface of its own, and nothing else
	NetworkHost                // the host's, with its resolv.conf and hosts
)

// Isolation says by what means the command is kept apart.
type Isolation int

// The means.
const (
	IsolationAuto       Isolation = iota // namespaces; chroot for root where they are forbidden
	IsolationNamespaces                  // namespaces or an error
	IsolationChroot                      // chroot(2), for root alone: no process, network or file limit is isolated
)

// Limits end a command that takes too much. Zero is no limit.
type Limits struct {
	Time      time.Duration // from start to end
	Grace     time.Duration // between SIGTERM and SIGKILL when Time is over; 0 is two seconds
	Memory    int64         // of all its processes and what it wrote, in bytes
	Processes int           // and their threads, at once
	Disk      int64         // what it may write to the root, and to /tmp, in bytes each; 0 is half of the memory
	Output    int64         // to Stdout and to Stderr, in bytes each; not with Terminal
}

// Notice is one of the kinds of notice, with its text.
type Notice struct {
	Warning bool // what isolates less than asked for; else what is only good to know
	Text    string
}

// Exit is how a command ended.
type Exit struct {
	Code  int    // its exit code, or 128 and the number of the signal that ended it
	Limit string // which limit ended it: "time", "memory", "processes", "output"; "" for none
}

// A StartError says that the program could not be started. Code is what shells use: 127 where it is not there, 126 where it
// cannot be run.
type StartError struct {
	Code int
	Err  error
}

func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }

// A Job is work of this program that needs another user's rights over files, see RunJob.
type Job struct {
	Name string
	Do   func(args []string) error
}

// ErrUnsupported is the error on systems that have no sandbox.
var ErrUnsupported = errors.New("running a command in an image needs Linux")

// check refuses a command that cannot be meant.
func (c Command) check() error {
	if len(c.Lower) == 0 {
		return errors.New("there is no folder for the root")
	}
	if len(c.Args) == 0 || c.Args[0] == "" {
		return errors.New("there is no command to run")
	}
	for _, m := range c.Mounts {
		if len(m.Target) == 0 || m.Target[0] != '/' {
			return fmt.Errorf("mounting %q: its place in the root, %q, is not absolute", m.Source, m.Target)
		}
	}
	return nil
}
