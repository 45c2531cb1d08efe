package sandbox

import (
	"io"
	"os"
	"os/exec"
	"sync"
)

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
