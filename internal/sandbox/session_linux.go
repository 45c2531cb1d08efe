package sandbox

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

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
