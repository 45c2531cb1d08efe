package bundle

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

// A manifest's text has a line for what it says of the bundle, one a file, and one that ends it.
func (m Manifest) lineCount() int { return 1 + m.Files.Len() + 1 }

// manifestEnd is the last line.
const manifestEnd = "]}\n"

// lines writes the lines of manifests. What it returns stays until the next one.
type lines struct {
	text bytes.Buffer
	json *json.Encoder
}

func newLines() *lines {
	l := new(lines)
	l.json = json.NewEncoder(&l.text)
	l.json.SetEscapeHTML(false)
	return l
}

// of is line i of a manifest.
func (l *lines) of(m Manifest, i int) ([]byte, error) {
	switch i {
	case 0:
		return l.head(m)
	case m.lineCount() - 1:
		return []byte(manifestEnd), nil
	}
	return l.file(m.Files.entries[i-1].file(), i < m.Files.Len())
}

// headed is a manifest as its first line has it, and the list of files that begins there.
type headed struct {
	Manifest
	Files []File `json:"files"`
}

func (l *lines) head(m Manifest) ([]byte, error) {
	l.text.Reset()
	if err := l.json.Encode(headed{m, []File{}}); err != nil {
		return nil, err
	}
	return append(bytes.TrimSuffix(l.text.Bytes(), []byte(manifestEnd)), '\n'), nil
}

func (l *lines) file(f File, more bool) ([]byte, error) {
	l.text.Reset()
	if err := l.json.Encode(f); err != nil || !more {
		return l.text.Bytes(), err
	}
	l.text.Truncate(l.text.Len() - 1)
	l.text.WriteString(",\n")
	return l.text.Bytes(), nil
}

// ReadManifest reads a manifest and checks that it is as Encode wrote it and that nothing in it can lead astray. It holds a
// line of the text at a time.
func ReadManifest(r io.Reader) (Manifest, error) {
	limited := &io.LimitedReader{R: r, N: maxManifest + 1}
	p := manifestReader{text: bufio.NewReaderSize(limited, maxLine), lines: newLines()}
	if err := p.checkVersion(); err != nil {
		return Manifest{}, err
	}
	m, err := p.read()
	switch {
	case limited.N == 0:
		return Manifest{}, fmt.Errorf("%s has more than %d bytes, which no manifest has", ManifestName, maxManifest)
	case errors.As(err, new(unreadError)):
		return Manifest{}, err
	case err != nil:
		return Manifest{}, fmt.Errorf("%s was altered: %w", ManifestName, err)
	}
	return m, nil
}

// unreadError is one of reading a manifest, which says nothing against it.
type unreadError struct{ error }

func (e unreadError) Error() string { return fmt.Sprintf("reading %s: %v", ManifestName, e.error) }
func (e unreadError) Unwrap() error { return e.error }

// A manifestReader reads one manifest. Each line is held against what Encode writes of what it says.
type manifestReader struct {
	text  *bufio.Reader
	lines *lines
}

// checkVersion looks at the version, which stands first in all of them, and reads nothing.
func (p *manifestReader) checkVersion() error {
	const most = 512 // bytes that it stands in, however it is written
	front, err := p.text.Peek(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return unreadError{err}
	}
	found := 0
	d := json.NewDecoder(bytes.NewReader(front))
	if brace, err := d.Token(); err != nil || brace != json.Delim('{') {
		return fmt.Errorf("%s is not JSON: it begins with %.20q, expected {\"version\":%d", ManifestName, front, version)
	}
	if key, err := d.Token(); err == nil && key == "version" {
		_ = d.Decode(&found) // 0 is no version
	}
	if found != version {
		return fmt.Errorf("%s is of version %d, this pyimg knows version %d; use the pyimg that made the bundle", ManifestName, found, version)
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
	files := lister{}
	for more := true; ; {
		line, err := p.line()
		if err != nil {
			return m, err
		}
		digest.Write(line)
		if string(line) == manifestEnd && (!more || len(files.entries) == 0) {
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
	m.Files = files.FileList
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
		return nil, unreadError{err}
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

// file takes a line of a file, and tells whether another one is to follow.
func (p *manifestReader) file(m Manifest, files *lister, line []byte) (more bool, err error) {
	text, more := bytes.CutSuffix(line, []byte(",\n"))
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return more, err
	}
	if again, err := p.lines.file(f, more); err != nil || !bytes.Equal(again, line) {
		return more, errors.Join(errForm, err)
	}
	if n := len(files.entries); n > 0 && files.entries[n-1].path >= f.Path {
		return more, fmt.Errorf("%q is out of order or there twice", f.Path)
	}
	if f.InBase && m.Base == "" {
		return more, fmt.Errorf("%q is said to be in a base, and there is none", f.Path)
	}
	return more, files.add(f)
}

// seekable reads a manifest's text from anywhere, for those who want a range of it.
type seekable struct {
	m    Manifest
	size int64
	want int64 // what is read next
	at   int64 // where rest begins
	next int   // line
	rest []byte
	from *lines
}

func (m Manifest) seekable(size int64) io.ReadSeeker {
	return &seekable{m: m, size: size, from: newLines()}
}

func (s *seekable) Read(p []byte) (int, error) {
	if s.want < s.at {
		s.at, s.next, s.rest = 0, 0, nil
	}
	for s.at+int64(len(s.rest)) <= s.want {
		if s.next == s.m.lineCount() {
			return 0, io.EOF
		}
		s.at += int64(len(s.rest))
		var err error
		if s.rest, err = s.from.of(s.m, s.next); err != nil {
			return 0, err
		}
		s.next++
	}
	n := copy(p, s.rest[s.want-s.at:])
	s.want += int64(n)
	return n, nil
}

func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.want
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seeking in %s: there is nothing at %d", ManifestName, offset)
	}
	s.want = offset
	return offset, nil
}

var errForm = errors.New("its bytes are not those that pyimg writes")
