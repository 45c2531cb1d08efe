package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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

// socketpair makes the control socket. Each message is read whole, see unix(7).
func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket for the sandbox: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
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
