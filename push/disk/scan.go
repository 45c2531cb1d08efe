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
	// maxMembers bounds an archive: a thousand images of a hundred layers.
	maxMembers = 100_000
	// maxInflated bounds what a compressed archive becomes on disk: more than the largest images of machine learning.
	maxInflated = 64 << 30
	// maxLinks bounds how many links lead to a layer; docker makes one.
	maxLinks = 8
)

// openArchive opens an archive for reading at any place. One that is compressed is inflated into a temporary file, which is
// removed at once and so ends with the process.
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
	_ = os.Remove(out.Name()) // some systems refuse that of an open file; their temporary folder keeps it
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

// damage makes a DamageError of an error that is not one of the file system.
func damage(err error) error {
	if err == nil || errors.As(err, new(*fs.PathError)) {
		return err
	}
	return &oci.DamageError{Err: err}
}

// inflated returns a reader of what a compressed file holds; nil where the file is not compressed.
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

// maxWindow is how much memory a zstd or xz stream may ask for; "zstd --ultra -22" asks for 128 MiB, "xz -9" for 64.
const maxWindow = 256 << 20

// maxMagic is how many bytes compression looks at.
const maxMagic = 6

// compression names the format of compressed bytes by the first of them: gzip, zstd, bzip2, xz, or "" for none of these.
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

// A span is where a member's bytes are in an archive.
type span struct{ offset, size int64 }

// scanArchive reads the headers of a tar archive and skips its contents. Of two members of one name the later counts, as
// when it is unpacked; sparse files and folders are passed over: no layout needs them. A link is the member that it leads to.
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
			at, err := f.Seek(0, io.SeekCurrent) // tar.Reader reads headers only, and no further
			if err != nil {
				return nil, err
			}
			if at+h.Size > info.Size() { // a seek does not notice
				return nil, oci.Damagef("reading it as a tar archive: it ends within %q", name)
			}
			delete(links, name)
			members[name], end = span{at, h.Size}, at+h.Size
		}
	}
}

// checkEnd notices an archive that was cut off between two members, by what such a one lacks: the mark at a tar's end, and a
// list of images, which many tools write last.
func checkEnd(f *os.File, lastMember int64, members map[string]span) error {
	_, index := members[indexFile]
	_, docker := members[dockerFile]
	at, err := f.Seek(0, io.SeekCurrent)
	if err == nil && !index && !docker && len(members) > 0 && at < lastMember+tarBlock {
		return oci.Damagef("reading it as a tar archive: it ends before its end mark, and holds no %q", indexFile)
	}
	return err
}

// tarBlock is the unit of a tar archive. Two empty ones mark its end.
const tarBlock = 512

// follow makes members of the links that lead to one.
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

// member opens a part of the archive.
func (f *files) member(name string) (io.ReadCloser, int64, error) {
	at, ok := f.members[name]
	if !ok {
		return nil, 0, fmt.Errorf("member %q: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(f.archive, at.offset, at.size)), at.size, nil
}

// maxLooked is how many members of an archive are looked at to see what it is.
const maxLooked = 8

// imageMember is what the first member of an image's archive is called: a layout's, or those of "docker save".
var imageMember = regexp.MustCompile(`^(oci-layout|index\.json|manifest\.json|repositories|blobs(/sha256(/.*)?)?|(sha256:)?[0-9a-f]{64}(\.json|\.tar(\.gz)?|/.*)?)$`)

// IsImage reports whether a path is that of an image: a layout, or an archive that begins as images' archives do.
func IsImage(place string) bool {
	info, err := os.Stat(place)
	if err != nil {
		return false
	}
	if info.IsDir() {
		folder := &files{path: place}
		return folder.has(indexFile) || folder.has(dockerFile) || folder.has(layoutFile)
	}
	f, err := regular.Open(place)
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
			return imageMember.MatchString(name)
		}
	}
	return false
}
