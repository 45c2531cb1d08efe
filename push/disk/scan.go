package disk

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push/oci"
)

const (
	// maxMembers bounds an archive: it is enough for a thousand images of a hundred layers.
	maxMembers = 100_000
	// maxInflated bounds the size of a compressed archive after decompression. The largest images of machine learning
	// are smaller.
	maxInflated = 64 << 30
	// maxLinks bounds a chain of links that leads to a layer; docker makes one link.
	maxLinks = 8
)

// openArchive opens an archive for reading at any position. It decompresses a compressed archive into a temporary file.
// It removes that file at once; the file's space is freed when the process ends.
func openArchive(file string) (*os.File, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	in, err := inflated(f)
	if err != nil {
		return nil, errors.Join(damage(err), f.Close())
	}
	if in == nil {
		return f, nil
	}
	defer f.Close()
	out, err := os.CreateTemp("", "pyimg-archive-")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(out.Name()) // some systems cannot remove an open file; it then remains in their temporary folder
	n, err := io.Copy(out, io.LimitReader(in, maxInflated+1))
	if err == nil && n > maxInflated {
		err = fmt.Errorf("it has more than %d bytes", int64(maxInflated))
	}
	if err == nil {
		_, err = out.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inflating it: %w", damage(err)), out.Close())
	}
	return out, nil
}

// damage makes a DamageError of an error, unless it is an error of the file system.
func damage(err error) error {
	if err == nil || errors.As(err, new(*fs.PathError)) {
		return err
	}
	return &oci.DamageError{Err: err}
}

// inflated returns a reader of the decompressed content, or nil where the file is not compressed.
func inflated(f *os.File) (io.Reader, error) {
	in := bufio.NewReaderSize(f, copyBuffer)
	head, err := in.Peek(maxMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch compression(head) {
	case "gzip":
		return gzip.NewReader(in)
	case "zstd":
		return zstd.NewReader(in, zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderConcurrency(1))
	case "bzip2":
		return bzip2.NewReader(in), nil
	case "xz":
		return xz.NewReader(in, maxWindow)
	}
	_, err = f.Seek(0, io.SeekStart)
	return nil, err
}

// maxWindow bounds the memory that a zstd or xz stream may require: "zstd --ultra -22" requires 128 MiB, "xz -9" 64
// MiB.
const maxWindow = 256 << 20

// maxMagic is how many bytes the function compression needs.
const maxMagic = 6

// compression returns the format of compressed bytes by the first of them: gzip, zstd, bzip2, xz, or "" for others.
func compression(head []byte) string {
	for _, k := range []struct{ magic, kind string }{
		{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"},
	} {
		if strings.HasPrefix(string(head), k.magic) {
			return k.kind
		}
	}
	return ""
}

// A span is the position of a member's bytes in an archive.
type span struct{ offset, size int64 }

// scanArchive reads the headers of a tar archive and skips its contents. Of two members with one name the later one
// counts, as in unpacking. It ignores sparse files and folders, which no layout needs. It resolves a link to the member
// that it leads to.
func scanArchive(f *os.File) (map[string]span, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, oci.Damagef("it is empty")
	}
	members, links, end := map[string]span{}, map[string]string{}, int64(0)
	for tr, n := tar.NewReader(f), 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			follow(members, links)
			return members, checkEnd(f, end, members)
		}
		if err != nil {
			return nil, fmt.Errorf("reading it as a tar archive: %w", damage(err))
		}
		if n >= maxMembers {
			return nil, fmt.Errorf("it has more than %d members", maxMembers)
		}
		name := path.Clean(h.Name)
		switch {
		case h.Typeflag == tar.TypeSymlink:
			links[name] = path.Join(path.Dir(name), h.Linkname)
		case h.Typeflag == tar.TypeLink:
			links[name] = path.Clean(h.Linkname)
		case h.Typeflag == tar.TypeReg && h.PAXRecords["GNU.sparse.major"] == "" && h.PAXRecords["GNU.sparse.map"] == "":
			at, err := f.Seek(0, io.SeekCurrent) // tar.Reader reads no further than the header
			if err != nil {
				return nil, err
			}
			if at+h.Size > info.Size() { // seeking beyond the end is no error
				return nil, oci.Damagef("reading it as a tar archive: it ends within %q", name)
			}
			delete(links, name)
			members[name], end = span{at, h.Size}, at+h.Size
		}
	}
}

// checkEnd returns an error for an archive that was cut off between two members. Such an archive lacks the mark at a
// tar's end, and the list of images, which many tools write last.
func checkEnd(f *os.File, lastMember int64, members map[string]span) error {
	_, index := members[indexFile]
	_, docker := members[dockerFile]
	at, err := f.Seek(0, io.SeekCurrent)
	if err == nil && !index && !docker && len(members) > 0 && at < lastMember+tarBlock {
		return oci.Damagef("reading it as a tar archive: it ends before its end mark, and holds no %q", indexFile)
	}
	return err
}

// tarBlock is the block size of a tar archive. Two blocks of zeros mark its end.
const tarBlock = 512

// follow replaces links by the members that they lead to.
func follow(members map[string]span, links map[string]string) {
	found := map[string]span{}
	for name, to := range links {
		for range maxLinks {
			next, isLink := links[to]
			if !isLink {
				break
			}
			to = next
		}
		if at, ok := members[to]; ok && links[to] == "" {
			found[name] = at
		}
	}
	for name, at := range found {
		members[name] = at
	}
}

// member opens a member of the archive.
func (f *files) member(name string) (io.ReadCloser, int64, error) {
	at, ok := f.members[name]
	if !ok {
		return nil, 0, fmt.Errorf("member %q: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(f.archive, at.offset, at.size)), at.size, nil
}

// maxLooked is how many members of an archive IsImage reads to recognize an image.
const maxLooked = 8

// isImageMember reports whether an image's archive may begin with a member of this name: a layout, or an archive of "docker save".
func isImageMember(name string) bool {
	const form = `^(oci-layout|index\.json|manifest\.json|repositories|blobs(/sha256(/.*)?)?|(sha256:)?[0-9a-f]{64}(\.json|\.tar(\.gz)?|/.*)?)$`
	return regexp.MustCompile(form).MatchString(name)
}

// IsImage reports whether a path is a layout, or an archive whose first members are an image's.
func IsImage(location string) bool {
	info, err := os.Stat(location)
	if err != nil {
		return false
	}
	if info.IsDir() {
		folder := &files{path: location}
		return folder.has(indexFile) || folder.has(dockerFile) || folder.has(layoutFile)
	}
	f, err := regular.Open(location)
	if err != nil {
		return false
	}
	defer f.Close()
	in, err := inflated(f)
	if err != nil {
		return false
	}
	if in == nil {
		in = f
	}
	tr := tar.NewReader(in)
	for range maxLooked {
		h, err := tr.Next()
		if err != nil {
			return false
		}
		if name := path.Clean(h.Name); name != "." {
			return isImageMember(name)
		}
	}
	return false
}
