package sdist

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/wheel/distinfo"
)

// Bounds of an sdist. The largest real ones have some 100,000 members and 2 GB.
const (
	maxMembers  = 500_000
	maxUnpacked = 8 << 30
	maxPath     = 4096
	maxProject  = 4 << 20 // pyproject.toml, which people write
)

// contents are the files of an sdist that say what it is.
type contents struct {
	folder   string
	contents map[string][]byte // by name in the folder
	present  map[string]bool
	members  int
	size     int64
}

// wanted is how many bytes a file may have that is read; 0 for one that is not.
func wanted(name string) int64 {
	switch name {
	case "PKG-INFO":
		return distinfo.MaxFile
	case "pyproject.toml":
		return maxProject
	}
	return 0
}

// add checks one member, and reads it where it says what the sdist is.
func (c *contents) add(name string, mode fs.FileMode, size int64, open func() (io.ReadCloser, error)) error {
	if c.members++; c.members > maxMembers {
		return fmt.Errorf("it has more than %d members", maxMembers)
	}
	if c.size += max(size, 0); c.size > maxUnpacked || size < 0 {
		return fmt.Errorf("its files have more than %d bytes", int64(maxUnpacked))
	}
	if err := checkPath(name); err != nil {
		return err
	}
	top, below, _ := strings.Cut(strings.TrimSuffix(path.Clean(name), "/"), "/")
	if c.folder == "" {
		c.folder = top
	}
	if top != c.folder {
		return fmt.Errorf("it has %q and %q at its top; expected one folder NAME-VERSION", c.folder, top)
	}
	limit := wanted(below)
	if limit == 0 || !mode.IsRegular() {
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return fmt.Errorf("its %s: %w", below, err)
	}
	if int64(len(data)) > limit {
		return fmt.Errorf("its %s has more than %d bytes", below, limit)
	}
	c.contents[below], c.present[below] = data, true
	return nil
}

// checkPath refuses names that would leave the folder that the sdist is unpacked in.
func checkPath(name string) error {
	clean := path.Clean(name)
	switch {
	case name == "" || len(name) > maxPath || strings.ContainsAny(name, "\x00\\\n"):
		return fmt.Errorf("the path of a member, %.200q, is not one of an sdist", name)
	case path.IsAbs(name) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../"):
		return fmt.Errorf("the path of a member, %.200q, leads out of the sdist", name)
	}
	return nil
}

func unpack(data io.ReaderAt, size int64, name string) (contents, error) {
	c := contents{contents: make(map[string][]byte), present: make(map[string]bool)}
	var err error
	if strings.HasSuffix(name, ".zip") {
		err = c.readZip(data, size)
	} else {
		err = c.readTar(io.NewSectionReader(data, 0, size))
	}
	if err == nil && c.folder == "" {
		err = errors.New("it is empty")
	}
	return c, err
}

func (c *contents) readTar(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("it is no gzip file: %w", err)
	}
	defer z.Close()
	// A tar of many empty members is bounded by their number, and its padding by this.
	t := tar.NewReader(io.LimitReader(z, maxUnpacked+maxMembers*1024))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg, tar.TypeDir:
		case tar.TypeSymlink, tar.TypeLink:
			if err := checkLink(h); err != nil {
				return err
			}
		default:
			return fmt.Errorf("its member %.200q is a device or a pipe", h.Name)
		}
		if err := c.add(h.Name, h.FileInfo().Mode(), h.Size, func() (io.ReadCloser, error) { return io.NopCloser(t), nil }); err != nil {
			return err
		}
	}
}

// checkLink refuses links that lead out of the sdist, as Python's tarfile does with filter="data".
func checkLink(h *tar.Header) error {
	to := h.Linkname
	if h.Typeflag == tar.TypeSymlink && !path.IsAbs(to) {
		to = path.Join(path.Dir(h.Name), to)
	}
	if err := checkPath(to); err != nil {
		return fmt.Errorf("its member %.200q is a link that leads out of it", h.Name)
	}
	return nil
}

func (c *contents) readZip(data io.ReaderAt, size int64) error {
	z, err := zip.NewReader(data, size)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.UncompressedSize64 > maxUnpacked {
			return fmt.Errorf("its files have more than %d bytes", int64(maxUnpacked))
		}
		if err := c.add(f.Name, f.Mode(), int64(f.UncompressedSize64), f.Open); err != nil {
			return err
		}
	}
	return nil
}
