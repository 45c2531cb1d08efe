package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/pyimg/pyimg/apk"
)

// packaged are the files of pyimg's package for Alpine.
func packaged() []string {
	return []string{"usr/bin/pyimg", "usr/share/licenses/pyimg/LICENSE", "usr/share/bash-completion/completions/pyimg",
		"usr/share/fish/vendor_completions.d/pyimg.fish", "usr/share/zsh/site-functions/_pyimg"}
}

// checkPackage reads pyimg's package for Alpine as pyimg reads Alpine's own packages: its version is one that apk knows, its data has the
// hash that its control stream names, and it has all files and this program.
func checkPackage(r io.Reader, name string, program []byte) (apk.Info, error) {
	archive, err := apk.OpenArchive(r, apk.Expect{Name: name})
	if err != nil {
		return apk.Info{}, err
	}
	info := archive.Control.Info
	if !apk.ValidVersion(info.Version) {
		return info, fmt.Errorf("%s: the version is %q, which apk does not know", name, info.Version)
	}
	if archive.Control.DataHash == "" {
		return info, fmt.Errorf("%s: the control stream names no hash of the data", name)
	}
	found, err := readFiles(archive.Data)
	if err != nil {
		return info, fmt.Errorf("%s: %w", name, err)
	}
	for _, file := range packaged() {
		if len(found[file]) == 0 {
			return info, fmt.Errorf("%s: there is no file %q", name, file)
		}
	}
	if !bytes.Equal(found[packaged()[0]], program) {
		return info, fmt.Errorf("%s: it has another program", name)
	}
	return info, nil
}

// readFiles reads the data of a package to its end, where its hash is known.
func readFiles(data io.Reader) (map[string][]byte, error) {
	z, err := gzip.NewReader(data)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]byte)
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if found[h.Name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, data)
	return found, err
}
