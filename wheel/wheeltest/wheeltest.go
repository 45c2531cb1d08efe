// Package wheeltest makes wheels for tests: right ones by default, and wrong ones
// where a test replaces a part.
package wheeltest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"
)

// File is a member of a wheel.
type File struct {
	Name string
	Data string
	Mode fs.FileMode // 0 means 0644
}

// Wheel is a wheel to make. The zero values of all fields but Name work.
type Wheel struct {
	Name        string
	Version     string // "1.0" where it is left out
	Tag         string // "py3-none-any" where it is left out
	Files       []File
	Metadata    string            // lines after Name and Version: "Requires-Dist: x\n"
	EntryPoints string            // entry_points.txt; no file where it is left out
	Replace     map[string]string // by name within .dist-info: another text than the right one; "-" leaves the file out
}

func (w Wheel) version() string {
	if w.Version == "" {
		return "1.0"
	}
	return w.Version
}

func (w Wheel) tag() string {
	if w.Tag == "" {
		return "py3-none-any"
	}
	return w.Tag
}

// Filename is the wheel's file name.
func (w Wheel) Filename() string { return w.Name + "-" + w.version() + "-" + w.tag() + ".whl" }

// Bytes is the wheel. The same Wheel always has the same bytes.
func (w Wheel) Bytes() []byte {
	info := w.Name + "-" + w.version() + ".dist-info/"
	files := append([]File{}, w.Files...)
	add := func(name, text string) {
		if other, ok := w.Replace[name]; ok {
			text = other
		}
		if text != "-" {
			files = append(files, File{Name: info + name, Data: text})
		}
	}
	add("METADATA", "Metadata-Version: 2.1\nName: "+w.Name+"\nVersion: "+w.version()+"\n"+w.Metadata)
	add("WHEEL", "Wheel-Version: 1.0\nGenerator: wheeltest\nRoot-Is-Purelib: true\nTag: "+w.tag()+"\n")
	if w.EntryPoints != "" {
		add("entry_points.txt", w.EntryPoints)
	}
	var record strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		sum := sha256.Sum256([]byte(f.Data))
		name := f.Name
		if strings.ContainsAny(name, `,"`) {
			name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.Data))
	}
	add("RECORD", record.String()+info+"RECORD,,\n")
	return Zip(files...)
}

// Zip is a zip file of members that are deflated and have data descriptors.
func Zip(files ...File) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate}
		mode := f.Mode
		if mode == 0 {
			mode = 0o644
		}
		h.SetMode(mode)
		member, err := z.CreateHeader(h)
		if err == nil && !strings.HasSuffix(f.Name, "/") {
			_, err = member.Write([]byte(f.Data))
		}
		if err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
