package bundle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
)

const (
	sumsSuffix = ".sha256" // of the file that names a tar's parts and their digests, as sha256sum writes it
	maxParts   = 10000
	maxSums    = 1 << 20
)

// parts are the files that a tar was cut into, read as one. Most tars are in one part.
type parts struct {
	files  []*os.File
	starts []int64
	size   int64
	sums   []string // by part; none for a tar in one
}

// tarFiles finds the parts of the tar that path names.
func tarFiles(path string) (*parts, error) {
	sums := path + sumsSuffix
	if m := regexp.MustCompile(`^(.*)\.\d{3,}$`).FindStringSubmatch(path); m != nil {
		sums = m[1] + sumsSuffix
	} else if strings.HasSuffix(path, sumsSuffix) {
		sums = path
	} else if _, err := os.Stat(path); err == nil || !exists(sums) {
		return openParts([]string{path}, nil)
	}
	names, digests, err := readSums(sums)
	if err != nil {
		return nil, err
	}
	return openParts(names, digests)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// readSums reads the parts' names, which lie in the same folder, and digests.
func readSums(name string) (names, digests []string, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("the parts of a tar are read together with their sums: %w", err)
	}
	defer f.Close()
	line := regexp.MustCompile(`^([0-9a-f]{64})  ([^/\\]+\.\d{3,})$`)
	for lines := bufio.NewScanner(io.LimitReader(f, maxSums)); lines.Scan(); {
		m := line.FindStringSubmatch(lines.Text())
		want := fmt.Sprintf("%s.%03d", strings.TrimSuffix(filepath.Base(name), sumsSuffix), len(names))
		if m == nil || m[2] != want || len(names) == maxParts {
			return nil, nil, &FaultError{Bundle: name, Err: fmt.Errorf("line %d is %q, expected a SHA-256 and %s", len(names)+1, lines.Text(), want)}
		}
		names, digests = append(names, filepath.Join(filepath.Dir(name), m[2])), append(digests, m[1])
	}
	if len(names) == 0 {
		return nil, nil, &FaultError{Bundle: name, Err: errors.New("it names no part")}
	}
	return names, digests, nil
}

func openPart(name string) (fs.FileInfo, *os.File, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return info, f, nil
}

func openParts(names, sums []string) (*parts, error) {
	p := &parts{sums: sums}
	for _, name := range names {
		info, f, err := openPart(name)
		if errors.Is(err, fs.ErrNotExist) && sums != nil {
			err = &FaultError{Bundle: name, Err: fmt.Errorf("the part is missing: %w", fs.ErrNotExist)}
		}
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.files = append(p.files, f)
		p.starts = append(p.starts, p.size)
		p.size += info.Size()
	}
	return p, nil
}

// ReadAt implements io.ReaderAt.
func (p *parts) ReadAt(b []byte, offset int64) (n int, err error) {
	for i, f := range p.files {
		end := p.size
		if i+1 < len(p.files) {
			end = p.starts[i+1]
		}
		for len(b) > 0 && offset < end && offset >= p.starts[i] {
			m, err := f.ReadAt(b[:min(int64(len(b)), end-offset)], offset-p.starts[i])
			n, b, offset = n+m, b[m:], offset+int64(m)
			if err != nil && m == 0 {
				return n, err
			}
		}
	}
	if len(b) > 0 {
		return n, io.EOF
	}
	return n, nil
}

// checkSums holds the parts against their sums.
func (p *parts) checkSums(ctx context.Context) []error {
	var faults []error
	for i, want := range p.sums {
		h := sha256.New()
		_, err := io.Copy(h, &untilDone{ctx, section{io.NewSectionReader(p.files[i], 0, maxSize)}})
		if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != want {
			err = fmt.Errorf("the part %q has the SHA-256 %s, its sums say %s", p.files[i].Name(), got, want)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func (p *parts) Close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // a reader's Read takes none
	io.ReadCloser
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.ReadCloser.Read(p)
}

// A splitter writes a stream into parts of a size. Each has its name once it is whole.
type splitter struct {
	work  string // folder for parts that are not whole
	path  string
	limit int64
	file  *os.File
	hash  hash.Hash
	left  int64
	sums  strings.Builder
	count int
}

func (s *splitter) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if s.file == nil {
			if err := s.begin(); err != nil {
				return n, err
			}
		}
		m, err := s.file.Write(b[:min(int64(len(b)), s.left)])
		s.hash.Write(b[:m])
		n, b, s.left = n+m, b[m:], s.left-int64(m)
		if err != nil {
			return n, err
		}
		if s.left == 0 {
			if err := s.end(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (s *splitter) begin() (err error) {
	if s.count == maxParts {
		return fmt.Errorf("more than %d parts; choose larger ones", maxParts)
	}
	s.file, err = os.CreateTemp(s.work, atomicfile.Prefix+"*")
	s.hash, s.left = sha256.New(), s.limit
	return err
}

func (s *splitter) end() error {
	return s.endAs(fmt.Sprintf("%s.%03d", s.path, s.count))
}

func (s *splitter) endAs(name string) error {
	err := errors.Join(s.file.Chmod(0o644), s.file.Close())
	if err == nil {
		err = os.Rename(s.file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(s.file.Name())
	}
	fmt.Fprintf(&s.sums, "%s  %s\n", hex.EncodeToString(s.hash.Sum(nil)), filepath.Base(name))
	s.file = nil
	s.count++
	return err
}

// finish ends the last part, removes those of an earlier, longer tar and writes the sums.
func (s *splitter) finish() error {
	if s.file != nil {
		if err := s.end(); err != nil {
			return err
		}
	}
	if err := s.removeParts(s.count); err != nil {
		return err
	}
	if err := removeIfThere(s.path); err != nil { // an earlier one in one piece, which would be taken instead
		return err
	}
	return replace(s.work, s.path+sumsSuffix, strings.NewReader(s.sums.String()))
}

// finishOne ends a tar of one part, which has the tar's own name.
func (s *splitter) finishOne() error {
	if err := s.endAs(s.path); err != nil {
		return err
	}
	if !exists(s.path + sumsSuffix) {
		return nil
	}
	if err := s.removeParts(0); err != nil { // an earlier one in parts
		return err
	}
	return removeIfThere(s.path + sumsSuffix)
}

// removeParts removes those of an earlier tar from one on.
func (s *splitter) removeParts(from int) error {
	for i := from; exists(fmt.Sprintf("%s.%03d", s.path, i)); i++ {
		if err := os.Remove(fmt.Sprintf("%s.%03d", s.path, i)); err != nil {
			return err
		}
	}
	return nil
}

// abort removes what is not finished.
func (s *splitter) abort() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
