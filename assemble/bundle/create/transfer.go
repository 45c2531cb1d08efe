package create

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sync/atomic"

	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/regular"
)

// maxIndex bounds an index, whose size nothing says beforehand. Alpine's have some 3 MB.
const maxIndex = 256 << 20

// maxMeta bounds that file: a URL and a validator.
const maxMeta = 64 << 10

// A fetcher fetches files of a plan, and counts the bytes that come.
type fetcher struct {
	client   Client
	progress input.Progress // may be nil
	at       *place
	count    atomic.Int64
}

func newFetcher(o Options, at *place) *fetcher {
	return &fetcher{client: o.Client, progress: o.Progress, at: at}
}

// meta is what is noted of a transfer when it begins.
type meta struct {
	URL       string `json:"url"` // without credentials
	Size      int64  `json:"size"`
	Validator string `json:"validator"`
}

// transferred is how much of a file an interrupted run fetched, of which the next one need not. A dry run looks where that
// run was, and works elsewhere.
func (f *fetcher) transferred(it *item) int64 {
	m, n := begun(folder.PartPath(folder.Below(f.at.dir, folder.WorkDir), it.Path))
	if slices.Contains(it.From, m.URL) && m.Validator != "" && n <= it.Size {
		return n
	}
	return 0
}

// begun is what is known of a transfer to a file in the work folder, and how many bytes of it are there.
func begun(part string) (m meta, n int64) {
	b, err := regular.Read(part+folder.NoteSuffix, maxMeta)
	if err != nil || json.Unmarshal(b, &m) != nil {
		return meta{}, 0
	}
	info, err := os.Lstat(part)
	if err != nil || !info.Mode().IsRegular() {
		return meta{}, 0
	}
	return m, info.Size()
}

// transfer brings a file into the work folder from the first of its places whose file passes check. Where an earlier run
// was interrupted it goes on from there.
func (f *fetcher) transfer(ctx context.Context, it *item, check func(file string) error) error {
	if it.read != nil {
		return f.transferBlob(ctx, it, check)
	}
	var errs []error
	for i, url := range it.urls {
		err := f.transferFrom(ctx, it, url, it.From[min(i, len(it.From)-1)])
		if err == nil {
			if err = check(f.at.part(it.Path)); err == nil {
				return nil
			}
			err = errors.Join(err, folder.RemoveIfThere(f.at.part(it.Path)), folder.RemoveIfThere(f.at.part(it.Path)+folder.NoteSuffix))
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// transferBlob brings what an image has, in a registry or on disk.
func (f *fetcher) transferBlob(ctx context.Context, it *item, check func(file string) error) error {
	r, err := it.read(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(folder.RemoveIfThere(f.at.part(it.Path)), f.receive(ctx, it, r, 0))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return check(f.at.part(it.Path))
}

func (f *fetcher) transferFrom(ctx context.Context, it *item, url, public string) error {
	m, n := begun(f.at.part(it.Path))
	if m.URL != public {
		m, n = meta{}, 0
	}
	if n > 0 && n == m.Size && f.current(ctx, it, url, m) {
		return nil
	}
	if it.Kind == manifest.Index && n == m.Size {
		n = 0
	}
	r, at, err := f.client.OpenAt(ctx, url, n, m.Size, m.Validator)
	if err != nil {
		return err
	}
	defer r.Close()
	if at == 0 {
		if err := f.begin(it, r, public); err != nil {
			return err
		}
	}
	return f.receive(ctx, it, r, at)
}

// current reports whether a file that is there needs no fetching. An index is the one file that changes under its name.
func (f *fetcher) current(ctx context.Context, it *item, url string, m meta) bool {
	if it.Kind != manifest.Index {
		return true
	}
	size, validator, err := f.client.Stat(ctx, url)
	return err == nil && size == m.Size && validator == m.Validator && validator != ""
}

// begin notes what it takes to go on with a transfer, and forgets an earlier one.
func (f *fetcher) begin(it *item, r io.Reader, public string) error {
	m := meta{URL: public, Size: -1}
	if s, ok := r.(interface{ Size() int64 }); ok {
		m.Size = s.Size()
	}
	if v, ok := r.(interface{ Validator() string }); ok {
		m.Validator = v.Validator()
	}
	if it.Size >= 0 && m.Size >= 0 && m.Size != it.Size {
		return fmt.Errorf("fetching %q: it has %d bytes, expected %d: another file is there under the same name", public, m.Size, it.Size)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return errors.Join(folder.RemoveIfThere(f.at.part(it.Path)), folder.RemoveIfThere(f.at.part(it.Path)+folder.NoteSuffix), os.WriteFile(f.at.part(it.Path)+folder.NoteSuffix, b, 0o644))
}

// receive appends what comes to what is there.
func (f *fetcher) receive(ctx context.Context, it *item, r io.Reader, at int64) (err error) {
	file, err := os.OpenFile(f.at.part(it.Path), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return err
	}
	add := func(int64) {}
	if f.progress != nil {
		size := it.Size
		if s, ok := r.(interface{ Size() int64 }); ok && size < 0 {
			size = s.Size()
		}
		task := f.progress.Start("fetch", input.TransferName(path.Base(it.Path), path.Base(path.Dir(it.Path))), size)
		task.Add(at)
		add = task.Add
		defer func() { task.Done(err) }()
	}
	most := it.Size
	if most < 0 {
		most = maxIndex
	}
	n, err := io.Copy(file, io.LimitReader(readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		add(int64(n))
		f.count.Add(int64(n))
		if err == nil {
			err = ctx.Err()
		}
		return n, err
	}), most-at+1))
	if err == nil && at+n > most {
		err = errors.Join(fmt.Errorf("fetching %q: it has more than %d bytes", it.name(), most), folder.RemoveIfThere(f.at.part(it.Path)))
	}
	return err
}

// readerFunc is a function that reads.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
