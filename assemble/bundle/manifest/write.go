package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// Encode writes the text of the manifest's file: the same bytes for the same manifest, a file of the bundle a line.
// Nothing holds them whole: those of all of Alpine are some 90 MB.
func (m Manifest) Encode(w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := newLines()
	for i := range m.lineCount() {
		line, err := lines.of(m, i)
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// TextSize is how many bytes Encode writes.
func (m Manifest) TextSize() (int64, error) {
	var n counter
	err := m.Encode(&n)
	return int64(n), err
}

// Sum is how many bytes write writes, and their SHA-256 in hex.
func Sum(write func(io.Writer) error) (size int64, sum string, err error) {
	var n counter
	h := sha256.New()
	err = write(io.MultiWriter(h, &n))
	return int64(n), hex.EncodeToString(h.Sum(nil)), err
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

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
	return l.file(m.Files.At(i-1), i < m.Files.Len())
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

// Text reads the manifest as Encode writes it, from anywhere; size is its TextSize. Nothing holds it whole.
func (m Manifest) Text(size int64) io.ReadSeeker {
	return &seekable{m: m, size: size, from: newLines()}
}

// seekable is what Text returns.
type seekable struct {
	m    Manifest
	size int64
	want int64 // what is read next
	at   int64 // where rest begins
	next int   // line
	rest []byte
	from *lines
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
		return 0, fmt.Errorf("seeking in %s: there is nothing at %d", Name, offset)
	}
	s.want = offset
	return offset, nil
}
