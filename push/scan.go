package push

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/pyimg/pyimg/internal/regular"
)

// maxMembers bounds an archive: a thousand images of a hundred layers.
const maxMembers = 100_000

// A span is where a member's bytes lie in an archive.
type span struct{ offset, size int64 }

// scanArchive reads the headers of a tar archive and skips its contents. Of two members of one name the later counts, as
// when it is unpacked; links, sparse files and folders are passed over: no layout needs them.
func scanArchive(file string) (map[string]span, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	members := map[string]span{}
	for tr, n := tar.NewReader(f), 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading it as a tar archive: %w", err)
		}
		if n >= maxMembers {
			return nil, fmt.Errorf("it has more than %d members", maxMembers)
		}
		if h.Typeflag != tar.TypeReg || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != "" {
			continue
		}
		at, err := f.Seek(0, io.SeekCurrent) // tar.Reader reads headers only, and no further
		if err != nil {
			return nil, err
		}
		members[path.Clean(h.Name)] = span{at, h.Size}
	}
}

// member opens a part of the archive. Its file is opened anew: a layer may be read long after, or never.
func (f *files) member(name string) (io.ReadCloser, int64, error) {
	at, ok := f.members[name]
	if !ok {
		return nil, 0, fmt.Errorf("member %q: %w", name, fs.ErrNotExist)
	}
	file, err := regular.Open(f.path)
	if err != nil {
		return nil, 0, err
	}
	return &part{io.NewSectionReader(file, at.offset, at.size), file}, at.size, nil
}

type part struct {
	*io.SectionReader
	io.Closer
}
