package sandbox

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// program is where the process that becomes the command finds this program, as long as this process runs. The image decides
// what that process executes, which may be /proc/self/exe; so what is there must not be a file of the host that the
// command could write to (CVE-2019-5736). It is called while the host's root is there.
func (p plan) program() (name string, err error) {
	const self = "/proc/self/exe"
	info, err := os.Stat(self)
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	const others = 0o001 // as root, the command is started as a user who must not execute every program of root's
	fd, ok := -1, false
	if info.Mode()&others != 0 || !p.HostRoot {
		fd, ok = readOnly(self, info)
	}
	if !ok {
		if fd, err = copyProgram(self); err != nil {
			return "", fmt.Errorf("copying this program for the sandbox: %w", err)
		}
	}
	const above = 64 // of the numbers that the new process gives to what it inherits
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return "", fmt.Errorf("keeping this program open for the sandbox: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", high), unix.Close(fd)
}

// readOnly is a file by a mount of its own that cannot be written to. There is none where the file has been replaced since
// the program was started.
func readOnly(link string, info os.FileInfo) (fd int, ok bool) {
	name, err := os.Readlink(link) // the link itself leads by a mount of the caller's, which cannot be cloned here
	if err != nil {
		return -1, false
	}
	fd, err = unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, false
	}
	found, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err == nil && os.SameFile(found, info) &&
		unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}) == nil {
		return fd, true
	}
	_ = unix.Close(fd)
	return -1, false
}

// copyProgram is a copy in memory.
func copyProgram(name string) (int, error) {
	from, err := os.Open(name)
	if err != nil {
		return -1, err
	}
	defer from.Close()
	written, err := unix.MemfdCreate("pyimg", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	to := os.NewFile(uintptr(written), "pyimg")
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return -1, err
	}
	// A file that is open for writing cannot be executed.
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", written), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
