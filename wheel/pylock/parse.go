package pylock

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/internal/toml"
)

// MaxSize is the largest lock that a caller should read. One with a thousand
// packages of 50 wheels each has 15 MB.
const MaxSize = 32 << 20

// maxPackages bounds the work for one platform.
const maxPackages = 20_000

// maxGroups bounds the default groups: each marker is held against all of them.
const maxGroups = 1000

// Lock is a parsed pylock.toml. Markers and wheels are read when they are selected,
// since a fault in what no platform takes does no harm.
type Lock struct {
	name     string // for messages
	document document
	graph    *graph // of a uv.lock; nil where markers say which packages apply
	Warnings []string
}

type document struct {
	Version        any      `toml:"lock-version"` // a string; a number is a fault to name
	Environments   []string `toml:"environments"`
	RequiresPython string   `toml:"requires-python"`
	Extras         []string `toml:"extras"`
	Groups         []string `toml:"dependency-groups"`
	DefaultGroups  []string `toml:"default-groups"`
	Packages       []pkg    `toml:"packages"`
}

type pkg struct {
	Name           string         `toml:"name"`
	Version        string         `toml:"version"`
	Marker         string         `toml:"marker"`
	RequiresPython string         `toml:"requires-python"`
	VCS            map[string]any `toml:"vcs"`
	Directory      map[string]any `toml:"directory"`
	Archive        map[string]any `toml:"archive"`
	Sdist          map[string]any `toml:"sdist"`
	Wheels         []file         `toml:"wheels"`
}

type file struct {
	Name   string            `toml:"name"`
	URL    string            `toml:"url"`
	Path   string            `toml:"path"`
	Size   int64             `toml:"size"`
	Hashes map[string]string `toml:"hashes"`
}

// Parse reads a lock. name is for messages.
func Parse(data []byte, name string) (*Lock, error) {
	l := &Lock{name: name}
	if err := decode(data, &l.document); err != nil {
		return nil, fmt.Errorf("reading lock %s: %w", name, err)
	}
	if err := l.checkVersion(); err != nil {
		return nil, fmt.Errorf("reading lock %s: %w", name, err)
	}
	if n := len(l.document.Packages); n > maxPackages {
		return nil, fmt.Errorf("reading lock %s: it has %d packages; at most %d are taken", name, n, maxPackages)
	}
	if n := len(l.document.DefaultGroups); n > maxGroups {
		return nil, fmt.Errorf("reading lock %s: it has %d default-groups; at most %d are taken", name, n, maxGroups)
	}
	return l, nil
}

func decode(data []byte, into any) error {
	if len(data) > MaxSize {
		return fmt.Errorf("it has more than %d bytes", MaxSize)
	}
	err := toml.Unmarshal(data, into)
	if err != nil {
		return fmt.Errorf("it is no TOML of a lock: %w", err)
	}
	return nil
}

func (l *Lock) checkVersion() error {
	text, isText := l.document.Version.(string)
	major, minor, ok := strings.Cut(text, ".")
	n, err := strconv.Atoi(minor)
	switch {
	case l.document.Version == nil:
		return fmt.Errorf("it has no lock-version: expected \"1.0\"")
	case !isText:
		return fmt.Errorf("its lock-version is no string: expected \"1.0\"")
	case !ok || err != nil || major != "1" || n < 0:
		return fmt.Errorf("its lock-version is %.20q: pyimg knows 1.0", text)
	}
	if n > 0 {
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s has lock-version %s, which is newer than 1.0: what is new in it is not heeded", l.name, text))
	}
	return nil
}
