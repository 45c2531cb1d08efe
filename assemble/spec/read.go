package spec

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/assemble/spec/internal/extension"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

//go:embed default.yaml
var defaultSpec []byte

// Default returns the embedded spec, which is in force if the user gives none, and its text.
func Default() (Spec, []byte) {
	s, err := Parse("the default spec", defaultSpec)
	if err != nil {
		panic("assemble: the embedded spec: " + err.Error()) // a test parses it
	}
	s.Lenient = true
	return s, defaultSpec
}

// Options change how a spec is read. The zero value reads it as it is.
type Options struct {
	// Set are values of the variables that the spec declares under vars. They override the defaults there.
	Set map[string]string
}

// Read reads the spec in a file, with the defaults of its variables; its relative paths start from the file's folder.
func Read(name string) (Spec, error) { return Options{}.Read(name) }

// Read reads the spec in a file and all that it extends. Its relative paths start from the file's folder.
func (o Options) Read(name string) (Spec, error) {
	data, err := readSpec(name)
	if errors.Is(err, regular.ErrKind) {
		return Spec{}, &Error{Faults: []Fault{{File: name, Msg: err.Error() + insteadOfFolder(name)}}}
	}
	if err != nil {
		return Spec{}, fmt.Errorf("reading spec: %w", err)
	}
	d := decoder{strictyaml.New(name, "spec")}
	top := d.Parse(data)
	var folder func(ast.Node) string
	if at, _ := strictyaml.Find(top, extension.Field); at != nil && isStream(name) {
		d.FaultAt(at, extension.Field, "a spec that is read from a pipe has no folder, so it cannot extend files; write it into a file")
	} else if at != nil {
		merged, err := extension.Merge(d.Decoder, name, data)
		if err != nil {
			return Spec{}, err
		}
		top = merged.Top
		folder = func(n ast.Node) string { return merged.Folders[d.File(n)] }
	}
	s, err := d.spec(name, top, o.Set, folder)
	s.Dir = filepath.Dir(name)
	return s, hinted(err, name, data)
}

// pipeTime bounds the wait for a program that writes the spec into a pipe.
const pipeTime = time.Minute

// isStream reports whether a name is that of a pipe that the process was given.
func isStream(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode()&fs.ModeSymlink != 0 && strings.HasPrefix(name, "/dev/")
}

// readSpec reads a file, or a pipe that the process was given, such as /dev/stdin. It stops after the largest size of a spec.
func readSpec(name string) ([]byte, error) {
	open := regular.Open
	if isStream(name) {
		open = regular.OpenStream
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(pipeTime)) // regular files do not support it and do not need it
	data, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxBytes+1))
	if info, statErr := f.Stat(); err == nil && statErr == nil && len(data) == 0 && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s %q is empty", regular.Kind(info.Mode()), name)
	}
	return data, err
}

// YAML writes the spec with all defaults filled in. Parse reads it back.
func (s Spec) YAML() ([]byte, error) {
	b, err := yaml.Marshal(decoder{}.specFields(&s).YAML())
	if err != nil {
		return nil, fmt.Errorf("writing the spec: %w", err)
	}
	return b, nil
}
