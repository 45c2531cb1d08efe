package pep517

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/internal/termtext"
)

// tail passes a log on, and keeps its last lines and the first one that looks like the error of a compiler.
type tail struct {
	to    io.Writer
	line  []byte // the one that is not complete
	first string // error
	last  string // error of Python
}

const (
	maxLine   = 4 << 10 // bytes of a line that are looked at
	maxReason = 300     // bytes of a reason, which is one line of a table
)

// compilerError matches what cc, ld and others print before they give up: "x.c:1:2: error: ...". It and pythonError are compiled when
// the first build prints something, since commands that build nothing would start slower.
//
//nolint:gochecknoglobals // what it returns is constant
var compilerError = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|[^\w-])(fatal )?error:|undefined reference|undefined symbol|cannot find -l|: not found$`)
})

// pythonError matches the last line of a traceback.
//
//nolint:gochecknoglobals // what it returns is constant
var pythonError = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\w+\.)*\w*(Error|Exception|Exit): |^(ModuleNotFoundError|ImportError|SystemExit|KeyError)\b`)
})

func (t *tail) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(t.line); room > 0 {
			t.line = append(t.line, line[:min(room, len(line))]...)
		}
		if rest = after; whole {
			t.learn(strings.TrimSpace(string(t.line)))
			t.line = t.line[:0]
		}
	}
	if t.to == nil {
		return len(p), nil
	}
	return t.to.Write(p)
}

func (t *tail) learn(line string) {
	switch {
	case t.first == "" && compilerError().MatchString(line) && !pythonError().MatchString(line):
		t.first = line
	case pythonError().MatchString(line):
		t.last = line
	}
}

// reason is the line that says most: that of a compiler, that of Python, or otherwise.
func (t *tail) reason(otherwise string) string {
	t.learn(strings.TrimSpace(string(t.line)))
	for _, line := range []string{t.first, t.last, otherwise} {
		if line != "" {
			return termtext.Line(line[:min(len(line), maxReason)])
		}
	}
	return "the build failed"
}
