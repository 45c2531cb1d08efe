// Package pack writes a wheel again so that its bytes depend on its files alone: members in one order, with one time, plain modes
// and one compressor. On the way it can change the platform of the wheel's tags, as "wheel tags" does, and then the file WHEEL and
// RECORD follow.
package pack

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

// level is that of most tools; the bytes of all wheels depend on it, see versions.Wheel.
const level = 6

// firstDay is the first time that zip knows, in seconds since 1970.
const firstDay = 315532800 // 1980-01-01T00:00:00Z

// A Renamer changes the platform of a tag: "linux_x86_64" into "musllinux_1_2_x86_64". It returns others as they are.
type Renamer func(platform string) string

// Filename is the name that a wheel has after Write.
func Filename(w *wheel.Wheel, rename Renamer) string {
	stem, ends := strings.CutSuffix(w.Filename.Text, ".whl")
	at := strings.LastIndexByte(stem, '-')
	if !ends || at < 0 {
		return w.Filename.Text
	}
	platforms := strings.Split(stem[at+1:], ".")
	for i, p := range platforms {
		platforms[i] = rename(p)
	}
	slices.Sort(platforms)
	return stem[:at+1] + strings.Join(slices.Compact(platforms), ".") + ".whl"
}

// Write verifies a wheel and writes it again.
func Write(ctx context.Context, to io.Writer, w *wheel.Wheel, rename Renamer) error {
	sums, err := w.Verify(ctx, nil)
	if err != nil {
		return err
	}
	p := packer{zip: zip.NewWriter(to), inflater: w.Archive.Inflater(), wheel: w}
	p.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, level) })
	if err := p.write(ctx, sums, rename); err != nil {
		return fmt.Errorf("packing %s: %w", w.Filename.Text, err)
	}
	return p.zip.Close()
}

type packer struct {
	zip      *zip.Writer
	inflater *archive.Inflater
	wheel    *wheel.Wheel
	rows     []distinfo.Row
}

func (p *packer) write(ctx context.Context, sums []wheel.Sum, rename Renamer) error {
	dist := p.wheel.DistInfo + "/"
	signatures := []string{dist + "RECORD", dist + "RECORD.jws", dist + "RECORD.p7s"} // of a RECORD that is no more
	order := make([]int, 0, len(sums))
	for i, m := range p.wheel.Archive.Members {
		if !m.Dir && !slices.Contains(signatures, m.Name) {
			order = append(order, i)
		}
	}
	members := p.wheel.Archive.Members
	// PEP 427 wants the .dist-info folder at the end of the archive.
	last := func(i int) int {
		if strings.HasPrefix(members[i].Name, dist) {
			return 1
		}
		return 0
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(last(a)-last(b), strings.Compare(members[a].Name, members[b].Name)) })
	for _, i := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.member(members[i], sums[i], rename); err != nil {
			return err
		}
	}
	slices.SortFunc(p.rows, func(a, b distinfo.Row) int { return strings.Compare(a.Path, b.Path) })
	return p.record(dist + "RECORD")
}

func (p *packer) member(m archive.Member, s wheel.Sum, rename Renamer) error {
	if m.Name == p.wheel.DistInfo+"/WHEEL" {
		old, err := p.inflater.Read(m, distinfo.MaxFile)
		if err != nil {
			return err
		}
		text := renameTags(old, rename)
		return p.bytes(m.Name, text)
	}
	out, err := p.create(m.Name, m.Executable())
	if err != nil {
		return err
	}
	p.row(m.Name, s.SHA256, m.Size)
	return p.inflater.Copy(out, m)
}

func (p *packer) bytes(name string, text []byte) error {
	out, err := p.create(name, false)
	if err != nil {
		return err
	}
	p.row(name, sha256.Sum256(text), int64(len(text)))
	_, err = out.Write(text)
	return err
}

func (p *packer) create(name string, executable bool) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Unix(firstDay, 0).UTC()}
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	h.SetMode(mode)
	return p.zip.CreateHeader(h)
}

func (p *packer) row(name string, sum [sha256.Size]byte, size int64) {
	p.rows = append(p.rows, distinfo.Row{Path: name, Hash: "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), Size: strconv.FormatInt(size, 10)})
}

func (p *packer) record(name string) error {
	out, err := p.create(name, false)
	if err != nil {
		return err
	}
	c := csv.NewWriter(out)
	for _, r := range append(p.rows, distinfo.Row{Path: name}) {
		if err := c.Write([]string{r.Path, r.Hash, r.Size}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// renameTags changes the Tag lines of a WHEEL file.
func renameTags(text []byte, rename Renamer) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		value, isTag := bytes.CutPrefix(line, []byte("Tag:"))
		tag := strings.TrimSpace(string(value))
		at := strings.LastIndexByte(tag, '-')
		if !isTag || at < 0 {
			out.Write(line)
			continue
		}
		platforms := strings.Split(tag[at+1:], ".")
		for i, p := range platforms {
			platforms[i] = rename(p)
		}
		fmt.Fprintf(&out, "Tag: %s%s\n", tag[:at+1], strings.Join(platforms, "."))
	}
	return out.Bytes()
}
