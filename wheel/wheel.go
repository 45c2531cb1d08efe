package wheel

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Wheel is an open wheel whose headers and .dist-info folder are sound. What its
// files hold is not checked yet: see Verify.
type Wheel struct {
	Filename    tag.Filename
	Archive     *archive.Archive
	DistInfo    string // name of the folder: "foo-1.0.dist-info"
	Metadata    distinfo.Metadata
	Info        distinfo.Wheel
	Record      []distinfo.Row
	EntryPoints []distinfo.EntryPoint
	Warnings    []string // what is odd but harmless
}

// An Opener opens wheels. It keeps the memory for unpacking from one wheel to the
// next. The zero value works, and goroutines may share it.
type Opener struct{ buffers archive.Buffers }

// Open opens the wheel of size bytes that has this file name.
func Open(data io.ReaderAt, size int64, name string) (*Wheel, error) {
	return new(Opener).Open(data, size, name)
}

// Open opens the wheel of size bytes that has this file name.
func (o *Opener) Open(data io.ReaderAt, size int64, name string) (*Wheel, error) {
	w := new(Wheel)
	var err error
	if w.Filename, err = tag.ParseFilename(name); err != nil {
		return nil, err
	}
	if w.Archive, err = o.buffers.Open(data, size); err == nil {
		err = w.read()
	}
	if err != nil {
		return nil, fmt.Errorf("opening wheel %q: %w", name, err)
	}
	return w, nil
}

// read reads the .dist-info folder.
func (w *Wheel) read() (err error) {
	if w.DistInfo, err = w.findDistInfo(); err != nil {
		return err
	}
	if err := w.readDistInfo(); err != nil {
		return err
	}
	if err := w.compareNames(); err != nil {
		return err
	}
	w.warn()
	return nil
}

// findDistInfo is the one top folder that ends in .dist-info.
func (w *Wheel) findDistInfo() (string, error) {
	var found []string
	for _, m := range w.Archive.Members {
		top, _, below := strings.Cut(m.Name, "/")
		if (below || m.Dir) && strings.HasSuffix(top, ".dist-info") && !slices.Contains(found, top) {
			if found = append(found, top); len(found) > 1 {
				return "", fmt.Errorf("it has two folders %q and %q; expected one .dist-info folder", found[0], top)
			}
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("it has no .dist-info folder")
	}
	return found[0], nil
}

func (w *Wheel) readDistInfo() error {
	files := make(map[string]archive.Member)
	for _, m := range w.Archive.Members {
		if name, ok := strings.CutPrefix(m.Name, w.DistInfo+"/"); ok && !m.Dir {
			files[name] = m
		}
	}
	inflater := w.Archive.Inflater()
	defer inflater.Close()
	read := func(name string, limit int64) ([]byte, error) {
		m, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("it has no %s in %s", name, w.DistInfo)
		}
		return inflater.Read(m, limit)
	}
	metadata, err := read("METADATA", distinfo.MaxFile)
	if err != nil {
		return err
	}
	if w.Metadata, err = distinfo.ParseMetadata(metadata); err != nil {
		return err
	}
	info, err := read("WHEEL", distinfo.MaxFile)
	if err != nil {
		return err
	}
	if w.Info, err = distinfo.ParseWheel(info); err != nil {
		return err
	}
	record, err := read("RECORD", distinfo.MaxRecord)
	if err != nil {
		return err
	}
	if w.Record, err = distinfo.ParseRecord(record, false); err != nil {
		return err
	}
	if _, ok := files["entry_points.txt"]; !ok {
		return nil
	}
	points, err := read("entry_points.txt", distinfo.MaxFile)
	if err != nil {
		return err
	}
	w.EntryPoints, err = distinfo.ParseEntryPoints(points)
	return err
}

// compareNames holds the file name, the folder and METADATA against each other.
func (w *Wheel) compareNames() error {
	f := w.Filename
	stem := strings.TrimSuffix(w.DistInfo, ".dist-info")
	dash := strings.LastIndexByte(stem, '-')
	if dash < 0 {
		return fmt.Errorf("the folder %q is not named NAME-VERSION.dist-info", w.DistInfo)
	}
	v, err := tag.ParseVersion(stem[dash+1:])
	switch {
	case dependency.Normalize(stem[:dash]) != f.Name:
		return fmt.Errorf("the folder %q has another name than the file", w.DistInfo)
	case err != nil || v.Compare(f.Version) != 0:
		return fmt.Errorf("the folder %q has another version than the file", w.DistInfo)
	case dependency.Normalize(w.Metadata.Name) != f.Name:
		return fmt.Errorf("METADATA has the name %q, which is not that of the file", w.Metadata.Name)
	case w.Metadata.Version.Compare(f.Version) != 0:
		return fmt.Errorf("METADATA has the version %s, which is not that of the file", w.Metadata.Version)
	}
	if len(w.Info.Tags) == 0 {
		return nil
	}
	for _, t := range f.Tags {
		if slices.Contains(w.Info.Tags, t) {
			return nil
		}
	}
	return fmt.Errorf("WHEEL has none of the tags of the file name: it has %.200q", strings.Join(w.Info.Tags, " "))
}

// maxWarnings bounds what a hostile wheel can make pyimg print.
const maxWarnings = 20

func (w *Wheel) warn() {
	if w.Info.Minor > 0 {
		w.Warnings = append(w.Warnings, fmt.Sprintf("%s has Wheel-Version 1.%d, which is newer than 1.0", w.Filename.Text, w.Info.Minor))
	}
	lower := make(map[string]string, len(w.Archive.Members))
	for _, m := range w.Archive.Members {
		folded := strings.ToLower(m.Name)
		if other, ok := lower[folded]; ok && len(w.Warnings) < maxWarnings {
			w.Warnings = append(w.Warnings, fmt.Sprintf("%s has %q and %q, which differ in case only", w.Filename.Text, other, m.Name))
		}
		lower[folded] = m.Name
	}
}
