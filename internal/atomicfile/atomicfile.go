// Package atomicfile writes files so that readers see a whole file or none. It recognizes what must not be replaced by
// a file.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Prefix begins the names of unfinished files.
const Prefix = ".pyimg-"

// Write makes a temporary file in dir, calls write to fill it, and renames it to name. dir must be on the same file
// system as name. The file gets mode 0644, independent of the umask. After an error name is unchanged and the temporary
// file is removed.
func Write(dir, name string, write func(*os.File) error) error {
	temporary, err := fill(dir, write)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return nil
}

// A File is a file's name in its folder, and its content.
type File struct {
	Name string
	Data []byte
}

// WriteAll writes files of dir that belong together. It renames them, in their order, when the temporary files of all are
// written, so that a full disk leaves all as they were. renamed is how many have their new content, also after an error.
func WriteAll(dir string, files ...File) (renamed int, err error) {
	var temporary []string
	defer func() {
		for _, name := range temporary[renamed:] {
			_ = os.Remove(name)
		}
	}()
	for _, file := range files {
		name, err := fill(dir, func(f *os.File) error {
			_, err := f.Write(file.Data)
			return err
		})
		if err != nil {
			return 0, err
		}
		temporary = append(temporary, name)
	}
	for i, file := range files {
		if err := os.Rename(temporary[i], filepath.Join(dir, file.Name)); err != nil {
			return renamed, err
		}
		renamed++
	}
	return renamed, nil
}

// fill makes a temporary file in dir that write fills, and returns its name.
func fill(dir string, write func(*os.File) error) (name string, err error) {
	f, err := os.CreateTemp(dir, Prefix+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return "", err
	}
	return f.Name(), errors.Join(f.Chmod(0o644), f.Close()) // CreateTemp uses mode 0600, which suits secrets only
}
