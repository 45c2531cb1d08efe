package create

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/atomicfile"
)

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
	if s.count == manifest.MaxParts {
		return fmt.Errorf("more than %d parts; choose larger ones", manifest.MaxParts)
	}
	s.file, err = os.CreateTemp(s.work, atomicfile.Prefix+"*")
	s.hash, s.left = sha256.New(), s.limit
	return err
}

func (s *splitter) end() error {
	return s.endAs(manifest.PartPath(s.path, s.count))
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
	if err := folder.RemoveIfThere(s.path); err != nil { // an earlier one in one piece, which would be taken instead
		return err
	}
	return folder.Replace(s.work, s.path+manifest.SumsSuffix, strings.NewReader(s.sums.String()))
}

// finishOne ends a tar of one part, which has the tar's own name.
func (s *splitter) finishOne() error {
	if err := s.endAs(s.path); err != nil {
		return err
	}
	if !folder.Exists(s.path + manifest.SumsSuffix) {
		return nil
	}
	if err := s.removeParts(0); err != nil { // an earlier one in parts
		return err
	}
	return folder.RemoveIfThere(s.path + manifest.SumsSuffix)
}

// removeParts removes those of an earlier tar from one on.
func (s *splitter) removeParts(from int) error {
	for i := from; folder.Exists(manifest.PartPath(s.path, i)); i++ {
		if err := os.Remove(manifest.PartPath(s.path, i)); err != nil {
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

// writeParts writes the tar to Output, in one piece or in parts.
func writeParts(o Options, work string, write func(io.Writer) error) error {
	s := &splitter{work: work, path: o.Output, limit: o.Split}
	if o.Split == 0 {
		s.limit = manifest.MaxSize
	}
	defer s.abort()
	if err := write(s); err != nil {
		return err
	}
	if o.Split > 0 {
		return s.finish()
	}
	return s.finishOne()
}

// sumsSize is the size of the file that names a tar's parts.
func sumsSize(name string, tar, split int64) int64 {
	n := int64(0)
	for i := int64(0); i*split < tar; i++ {
		n += int64(len(fmt.Sprintf("%064d  %s.%03d\n", 0, name, i)))
	}
	return n
}
