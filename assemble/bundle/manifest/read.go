package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pyimg/pyimg/assemble/spec"
)

// maxLine bounds a line of a manifest: a file with all the places that it stands for. Alpine's are below 1 KiB.
const maxLine = 1 << 20

// Read reads a manifest and checks that it is as Encode wrote it and that nothing in it can lead astray. It holds a
// line of the text at a time.
func Read(r io.Reader) (Manifest, error) {
	limited := &io.LimitedReader{R: r, N: MaxText + 1}
	p := manifestReader{text: bufio.NewReaderSize(limited, maxLine), lines: newLines()}
	if err := p.checkVersion(); err != nil {
		return Manifest{}, err
	}
	m, err := p.read()
	switch {
	case limited.N == 0:
		return Manifest{}, fmt.Errorf("%s has more than %d bytes, which no manifest has", Name, MaxText)
	case errors.As(err, new(UnreadError)):
		return Manifest{}, err
	case err != nil:
		return Manifest{}, fmt.Errorf("%s was altered: %w", Name, err)
	}
	return m, nil
}

// An UnreadError says that the manifest could not be read, which says nothing against it.
type UnreadError struct{ Err error }

func (e UnreadError) Error() string { return fmt.Sprintf("reading %s: %v", Name, e.Err) }

func (e UnreadError) Unwrap() error { return e.Err }

// A manifestReader reads one manifest. Each line is held against what Encode writes of what it says.
type manifestReader struct {
	text  *bufio.Reader
	lines *lines
}

// checkVersion looks at the version, the first field of every manifest, and consumes nothing.
func (p *manifestReader) checkVersion() error {
	const most = 512 // bytes that hold the version, in any form
	front, err := p.text.Peek(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return UnreadError{err}
	}
	found := 0
	d := json.NewDecoder(bytes.NewReader(front))
	if brace, err := d.Token(); err != nil || brace != json.Delim('{') {
		return fmt.Errorf("%s is not JSON: it begins with %.20q, expected {\"version\":%d", Name, front, Version)
	}
	if key, err := d.Token(); err == nil && key == "version" {
		_ = d.Decode(&found) // 0 is no version
	}
	if found != Version {
		return fmt.Errorf("%s is of version %d, this pyimg knows version %d; use the pyimg that made the bundle", Name, found, Version)
	}
	return nil
}

func (p *manifestReader) read() (Manifest, error) {
	m, err := p.head()
	if err != nil {
		return m, err
	}
	without := m
	without.ID = ""
	digest := sha256.New()
	line, err := p.lines.head(without)
	if err != nil {
		return m, err
	}
	digest.Write(line) // never fails, see hash.Hash
	files := Builder{}
	for more := true; ; {
		line, err := p.line()
		if err != nil {
			return m, err
		}
		digest.Write(line)
		if string(line) == manifestEnd && (!more || files.Len() == 0) {
			break
		}
		if !more {
			return m, errors.New("something follows its last file")
		}
		if more, err = p.file(m, &files, line); err != nil {
			return m, err
		}
	}
	if id := digestText(digest); id != m.ID {
		return m, fmt.Errorf("what it says has the digest %s, it says %q", id, m.ID)
	}
	if _, err := p.text.ReadByte(); err == nil {
		return m, errors.New("something follows it")
	}
	m.Files = files.List
	return m, nil
}

// line is the next one.
func (p *manifestReader) line() ([]byte, error) {
	line, err := p.text.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("it has a line of more than %d bytes", maxLine)
	case errors.Is(err, io.EOF):
		return nil, errors.New("it ends too early")
	case err != nil:
		return nil, UnreadError{err}
	}
	return line, nil
}

func (p *manifestReader) head() (Manifest, error) {
	line, err := p.line()
	if err != nil {
		return Manifest{}, err
	}
	var h headed
	if err := json.Unmarshal([]byte(strings.TrimSuffix(string(line), "\n")+manifestEnd), &h); err != nil {
		return Manifest{}, err
	}
	m := h.Manifest
	again, err := p.lines.head(m)
	switch {
	case err != nil:
		return m, err
	case !bytes.Equal(again, line):
		return m, errForm
	case (m.Base == "") != (m.Whole == ""):
		return m, errors.New("a delta names both its base and the whole")
	}
	for _, name := range m.Platforms {
		if p, err := spec.ParsePlatform(name); err != nil || p.String() != name {
			return m, fmt.Errorf("%q is no platform", name)
		}
	}
	return m, nil
}

// file takes a line of a file, and reports whether another one is to follow.
func (p *manifestReader) file(m Manifest, files *Builder, line []byte) (more bool, err error) {
	text, more := bytes.CutSuffix(line, []byte(",\n"))
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return more, err
	}
	if again, err := p.lines.file(f, more); err != nil || !bytes.Equal(again, line) {
		return more, errors.Join(errForm, err)
	}
	if n := files.Len(); n > 0 && files.entries.at(n-1).path >= f.Path {
		return more, fmt.Errorf("%q is out of order or there twice", f.Path)
	}
	if f.InBase && m.Base == "" {
		return more, fmt.Errorf("%q is said to be in a base, and there is none", f.Path)
	}
	return more, files.Add(f)
}

var errForm = errors.New("its bytes are not those that pyimg writes")
