package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/regular"
)

// maxIndex bounds an index, whose size nothing says beforehand. Alpine's have some 3 MB.
const maxIndex = 256 << 20

const metaSuffix = ".json" // of the file beside a transfer that says what it takes to go on

// maxMeta bounds that file: a URL and a validator.
const maxMeta = 64 << 10

// meta is what is noted of a transfer when it begins.
type meta struct {
	URL       string `json:"url"` // without credentials
	Size      int64  `json:"size"`
	Validator string `json:"validator"`
}

// part is where a file lies in the work folder until it is whole and checked.
func (d *Draft) part(it *item) string { return partOf(d.work, it.Path) }

func partOf(work, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(work, hex.EncodeToString(sum[:16]))
}

// transferred is how much of a file an interrupted run fetched, of which the next one need not. A dry run looks where that
// run was, and works elsewhere.
func (d *Draft) transferred(it *item) int64 {
	m, n := begun(partOf(below(d.dir, workDir), it.Path))
	if slices.Contains(it.From, m.URL) && m.Validator != "" && n <= it.Size {
		return n
	}
	return 0
}

// begun is what is known of a transfer to a file in the work folder, and how many bytes of it are there.
func begun(part string) (m meta, n int64) {
	b, err := regular.Read(part+metaSuffix, maxMeta)
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
func (d *Draft) transfer(ctx context.Context, it *item, check func(file string) error) error {
	if it.read != nil {
		return d.transferBlob(ctx, it, check)
	}
	var errs []error
	for i, url := range it.urls {
		err := d.transferFrom(ctx, it, url, it.From[min(i, len(it.From)-1)])
		if err == nil {
			if err = check(d.part(it)); err == nil {
				return nil
			}
			err = errors.Join(err, removeIfThere(d.part(it)), removeIfThere(d.part(it)+metaSuffix))
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// transferBlob brings what an image has, in a registry or on disk.
func (d *Draft) transferBlob(ctx context.Context, it *item, check func(file string) error) error {
	r, err := it.read(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(removeIfThere(d.part(it)), d.receive(ctx, it, r, 0))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return check(d.part(it))
}

func (d *Draft) transferFrom(ctx context.Context, it *item, url, public string) error {
	m, n := begun(d.part(it))
	if m.URL != public {
		m, n = meta{}, 0
	}
	if n > 0 && n == m.Size && d.current(ctx, it, url, m) {
		return nil
	}
	if it.Kind == Index && n == m.Size {
		n = 0
	}
	r, at, err := d.o.Client.OpenAt(ctx, url, n, m.Size, m.Validator)
	if err != nil {
		return err
	}
	defer r.Close()
	if at == 0 {
		if err := d.begin(it, r, public); err != nil {
			return err
		}
	}
	return d.receive(ctx, it, r, at)
}

// current tells whether a file that is there needs no fetching. An index is the one file that changes under its name.
func (d *Draft) current(ctx context.Context, it *item, url string, m meta) bool {
	if it.Kind != Index {
		return true
	}
	size, validator, err := d.o.Client.Stat(ctx, url)
	return err == nil && size == m.Size && validator == m.Validator && validator != ""
}

// begin notes what it takes to go on with a transfer, and forgets an earlier one.
func (d *Draft) begin(it *item, r io.Reader, public string) error {
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
	return errors.Join(removeIfThere(d.part(it)), removeIfThere(d.part(it)+metaSuffix), os.WriteFile(d.part(it)+metaSuffix, b, 0o644))
}

// receive appends what comes to what is there.
func (d *Draft) receive(ctx context.Context, it *item, r io.Reader, at int64) (err error) {
	f, err := os.OpenFile(d.part(it), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	add := func(int64) {}
	if d.o.Progress != nil {
		size := it.Size
		if s, ok := r.(interface{ Size() int64 }); ok && size < 0 {
			size = s.Size()
		}
		task := d.o.Progress.Start("fetch", input.TransferName(path.Base(it.Path), path.Base(path.Dir(it.Path))), size)
		task.Add(at)
		add = task.Add
		defer func() { task.Done(err) }()
	}
	most := it.Size
	if most < 0 {
		most = maxIndex
	}
	n, err := io.Copy(f, io.LimitReader(readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		add(int64(n))
		d.fetched.Add(int64(n))
		if err == nil {
			err = ctx.Err()
		}
		return n, err
	}), most-at+1))
	if err == nil && at+n > most {
		err = errors.Join(fmt.Errorf("fetching %q: it has more than %d bytes", it.name(), most), removeIfThere(d.part(it)))
	}
	return err
}

// readerFunc is a function that reads.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
