package distinfo

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRows bounds a RECORD like the members of an archive.
const maxRows = 200_000

// Row is one row of a RECORD.
type Row struct {
	Path string // relative to the folder that holds the .dist-info folder, with slashes
	Hash string // as written: "sha256=..."; "" where there is none
	Size string // as written; "" where there is none
}

// ParseRecord reads a RECORD: CSV of path, hash and size. In a wheel no path may
// be absolute or lead out of it; in an installed RECORD scripts do lead out.
func ParseRecord(data []byte, installed bool) ([]Row, error) {
	rows, err := parseRecord(data, installed)
	if err != nil {
		return nil, fmt.Errorf("reading RECORD: %w", err)
	}
	return rows, nil
}

func parseRecord(data []byte, installed bool) ([]Row, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("it is not UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	var rows []Row
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := Row{Path: strings.Clone(fields[0])}
		if len(fields) > 1 {
			row.Hash = strings.Clone(fields[1])
		}
		if len(fields) > 2 {
			row.Size = strings.Clone(fields[2])
		}
		if err := row.check(installed); err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, fmt.Errorf("more than %d rows", maxRows)
		}
	}
}

func (r Row) check(installed bool) error {
	clean := path.Clean(r.Path)
	switch {
	case r.Path == "":
		return fmt.Errorf("the path is empty")
	case strings.ContainsFunc(r.Path, unicode.IsControl):
		return fmt.Errorf("the path %.200q has a control character", r.Path)
	case !installed && (path.IsAbs(r.Path) || clean == ".." || strings.HasPrefix(clean, "../")):
		return fmt.Errorf("the path %.200q leads out of the wheel", r.Path)
	}
	if _, _, err := r.Sum(); err != nil {
		return fmt.Errorf("%.200q: %w", r.Path, err)
	}
	if _, err := r.Bytes(); err != nil {
		return fmt.Errorf("%.200q: %w", r.Path, err)
	}
	return nil
}

// Sum is the hash function of the row and the digest that it must give; new is
// nil where the row has no hash. PEP 427 allows SHA-256 and better.
func (r Row) Sum() (newHash func() hash.Hash, digest []byte, err error) {
	if r.Hash == "" {
		return nil, nil, nil
	}
	name, text, _ := strings.Cut(r.Hash, "=")
	switch name {
	case "sha256":
		newHash = sha256.New
	case "sha384":
		newHash = sha512.New384
	case "sha512":
		newHash = sha512.New
	default:
		return nil, nil, fmt.Errorf("hash %.80q: expected sha256, sha384 or sha512", r.Hash)
	}
	digest, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(digest) != newHash().Size() {
		return nil, nil, fmt.Errorf("hash %.80q: expected %d bytes in URL-safe base64", r.Hash, newHash().Size())
	}
	return newHash, digest, nil
}

// Bytes is the size of the file, -1 where the row has none.
func (r Row) Bytes() (int64, error) {
	if r.Size == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(r.Size, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("size %.50q: expected a number of bytes", r.Size)
	}
	return n, nil
}
