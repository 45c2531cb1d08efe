package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
)

// The bounds of a lock. 9 platforms of a thousand packages take some 5 MB. An empty object of two bytes takes up to a kilobyte in
// memory, so objects are counted before decoding.
const (
	maxLock        = 64 << 20
	maxLockObjects = 200_000
	maxLockDepth   = 32
)

// Read reads a lock. It checks that the version is known, that nobody has changed the lock, and that its digests are right. The
// error is an *Error unless the file cannot be read; it is fs.ErrNotExist if there is no file.
func Read(name string) (Lock, error) {
	data, err := regular.Read(name, maxLock)
	if errors.Is(err, regular.ErrTooLarge) {
		return Lock{}, &Error{name, fmt.Errorf("it has more than %d bytes, which no lock has", maxLock)}
	}
	if err != nil {
		return Lock{}, fmt.Errorf("reading lock: %w", err)
	}
	l, err := Parse(data)
	if err != nil {
		return Lock{}, &Error{name, err}
	}
	l.Name = name
	return l, nil
}

// Parse reads a lock from its file's content. See Read.
func Parse(data []byte) (Lock, error) {
	var l Lock
	if len(data) > maxLock {
		return l, fmt.Errorf("it has more than %d bytes, which no lock has", maxLock)
	}
	if err := checkNesting(data, maxLockDepth, maxLockObjects); err != nil {
		return l, fmt.Errorf(`it is not a lock: %w; write it again with "pyimg lock"`, err)
	}
	var head struct{ Version int }
	if err := json.Unmarshal(data, &head); err != nil {
		return l, fmt.Errorf(`it is not JSON: %w; write it again with "pyimg lock"`, err)
	}
	if head.Version != Version {
		return l, fmt.Errorf(`it is of version %d, this pyimg knows version %d; use the pyimg that wrote it, or write it again with "pyimg lock"`,
			head.Version, Version)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf(`it was changed by hand: %w; write it again with "pyimg lock"`, err)
	}
	if err := l.check(); err != nil {
		return l, fmt.Errorf(`it was changed by hand or merged wrongly: %w; write it again with "pyimg lock"`, err)
	}
	return l, nil
}

// checkNesting bounds the depth and the number of objects and lists of a JSON text before it is decoded.
func checkNesting(data []byte, depth, objects int) error {
	open, count, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			open++
			count++
		case c == '}' || c == ']':
			open--
		}
		if open <= depth && count <= objects {
			continue
		}
		where := fmt.Sprintf("line %d, column %d", 1+bytes.Count(data[:i], []byte("\n")), i-bytes.LastIndexByte(data[:i], '\n'))
		if open > depth {
			return fmt.Errorf("%s: nested more than %d deep", where, depth)
		}
		return fmt.Errorf("%s: more than %d objects and lists", where, objects)
	}
	return nil
}

// check compares a lock with its own checksum and with the digests that are computed from it.
func (l Lock) check() error {
	if got, err := l.checksum(); err != nil {
		return err
	} else if got != l.Checksum {
		return fmt.Errorf("the checksum of its content is %s, but it names %q", got, l.Checksum)
	}
	for _, p := range l.Platforms {
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", p.Platform, err)
		}
	}
	sealed := l
	sealed.Platforms = slices.Clone(l.Platforms)
	if err := sealed.Seal(); err != nil {
		return err
	}
	if sealed.Digest != l.Digest {
		return fmt.Errorf("its content gives the image index %s, but it names %s", sealed.Digest, l.Digest)
	}
	return nil
}

// check checks the values of the platform that other code relies on.
func (p Platform) check() error {
	if p.Base != nil && (p.Base.Layers < 0 || p.Base.Layers > len(p.Layers)) {
		return fmt.Errorf("%d layers, of which its base has %d", len(p.Layers), p.Base.Layers)
	}
	if len(p.Install) != len(p.Packages) {
		return fmt.Errorf("%d packages, %d in install order", len(p.Packages), len(p.Install))
	}
	for _, l := range p.Layers {
		for _, digest := range []string{l.Digest, l.DiffID} {
			if _, err := v1.NewHash(digest); err != nil {
				return fmt.Errorf("layer %q: %w", l.From, err)
			}
		}
	}
	for _, w := range p.World {
		if _, err := apk.ParseDependency(w); err != nil {
			return err
		}
	}
	return nil
}

// Write writes a lock next to its place and renames it. If name is a symlink, Write keeps it and replaces its target.
func Write(name string, l Lock) error {
	data, err := l.Encode()
	if err == nil {
		err = atomicfile.Replace(name, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("writing lock %q: %w", name, err)
	}
	return nil
}

// FileFor returns the file of a spec's lock: pyimg.lock next to pyimg.yaml, app.lock next to app.yaml. For the embedded spec it is
// pyimg.lock in the working directory.
func FileFor(spec string) string {
	if spec == "" {
		return "pyimg.lock"
	}
	return regexp.MustCompile(`\.(ya?ml|json)$`).ReplaceAllString(spec, "") + ".lock"
}

// Fits returns an *Error if the lock was made from another spec or lacks some of the platforms.
func (l Lock) Fits(s spec.Spec) error {
	if l.Spec != s.Digest() {
		return &Error{l.Name, errors.New(`it was made from another spec, or with other flags; write it again with "pyimg lock"`)}
	}
	var missing []string
	for _, p := range s.Platforms {
		if !slices.ContainsFunc(l.Platforms, func(q Platform) bool { return q.Platform == p }) {
			missing = append(missing, p.String())
		}
	}
	if len(missing) > 0 {
		return &Error{l.Name, fmt.Errorf(`it has nothing for %s; write it again with "pyimg lock"`, strings.Join(missing, ", "))}
	}
	return nil
}
