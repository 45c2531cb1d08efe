package bundle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/internal/regular"
)

// maxSums bounds the file that names a tar's parts, in bytes.
const maxSums = 1 << 20

// parts are the files that a tar was cut into, read as one. Most tars are in one part.
type parts struct {
	files  []*os.File
	starts []int64
	size   int64
	sums   []string // by part; none for a tar in one
}

// tarFiles finds the parts of the tar that path names.
func tarFiles(path string) (*parts, error) {
	sums := path + manifest.SumsSuffix
	if m := regexp.MustCompile(`^(.*)\.\d{3,}$`).FindStringSubmatch(path); m != nil {
		sums = m[1] + manifest.SumsSuffix
	} else if strings.HasSuffix(path, manifest.SumsSuffix) {
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
		want := manifest.PartPath(strings.TrimSuffix(filepath.Base(name), manifest.SumsSuffix), len(names))
		if m == nil || m[2] != want || len(names) == manifest.MaxParts {
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
		_, err := io.Copy(h, &untilDone{ctx, section{io.NewSectionReader(p.files[i], 0, manifest.MaxSize)}})
		if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != want {
			err = &mismatch.Error{Name: p.files[i].Name(), What: "its SHA-256", Want: want, Got: got, Advice: damaged}
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
