package root

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
)

// Paths of apk's database in a root.
const (
	databaseDir   = "lib/apk/db"
	configDir     = "etc/apk"
	installedFile = databaseDir + "/installed"
	scriptsFile   = databaseDir + "/scripts.tar"
	triggersFile  = databaseDir + "/triggers"
	worldFile     = configDir + "/world"
	archFile      = configDir + "/arch"
	gzipSuffix    = ".gz"
)

// Database yields the files that apk writes into a root: installed packages, scripts, triggers, the world and the
// architecture. The headers have a name, a size and a mode; they are regular files of root, without a time. Root.Dirs
// has their directories.
func (r *Root) Database(world []apk.Dependency) iter.Seq2[*tar.Header, []byte] {
	return func(yield func(*tar.Header, []byte) bool) {
		scripts, scriptsName := r.scriptsTar(), scriptsFile
		if r.o.Dialect == apk.Dialect3 && (r.base == nil || !r.base.plainScripts) {
			scripts, scriptsName = compressed(scripts), scriptsFile+gzipSuffix
		}
		for _, f := range []struct {
			name    string
			content []byte
		}{
			{installedFile, r.installed()},
			{scriptsName, scripts},
			{triggersFile, r.triggersText()},
			{worldFile, worldText(world)},
			{archFile, []byte(r.o.Arch + "\n")},
		} {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o644}
			if !yield(h, f.content) {
				return
			}
		}
	}
}

// present returns the packages that are installed in the end, in the order of installation.
func (r *Root) present() []*rootPackage {
	return slices.DeleteFunc(slices.Clone(r.packages), func(p *rootPackage) bool { return p.gone })
}

// byName returns the packages in the order of the database.
func (r *Root) byName() []*rootPackage {
	return slices.SortedStableFunc(slices.Values(r.present()), func(a, b *rootPackage) int {
		return compareNames(a.Package.Name, b.Package.Name)
	})
}

// compareNames orders names as apk shows them: ignoring case, then by bytes.
func compareNames(a, b string) int {
	return cmp.Or(strings.Compare(lowerASCII(a), lowerASCII(b)), strings.Compare(a, b))
}

// lowerASCII makes ASCII letters lower case, as strcasecmp(3) does in the C locale.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// installed returns lib/apk/db/installed. See apk-v2(5) for its fields.
func (r *Root) installed() []byte {
	var b bytes.Buffer
	b.Grow(r.installedSize())
	for _, p := range r.byName() {
		if p.record != "" {
			b.WriteString(p.record)
		} else {
			b.Write(p.Package.AppendDatabase(nil))
			p.writeReplaces(&b)
		}
		for _, d := range p.dirs {
			d.write(&b)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// installedSize is about how long lib/apk/db/installed is. A buffer that grows to it step by step takes twice the room.
func (r *Root) installedSize() int {
	const (
		ofPackage = 1 << 10
		ofDir     = len("F:\nM:0:0:755\n")
		ofFile    = len("R:\nZ:Q1\n") + 28 // the checksum in base64
		ofACL     = len("a:0:0:755\n")
	)
	size := 0
	for _, p := range r.packages {
		size += ofPackage
		for _, d := range p.dirs {
			size += len(d.name) + ofDir
			for _, f := range d.files {
				size += len(f.name()) + ofFile
				if *f.acl != defaultFileACL() {
					size += ofACL
				}
			}
		}
	}
	return size
}

func (p *rootPackage) writeReplaces(b *bytes.Buffer) {
	if replaces := p.replaces(); len(replaces) > 0 {
		fmt.Fprintf(b, "r:%s\n", apk.DependencyText(replaces))
	}
	if priority := p.replacesPriority(); priority != 0 {
		fmt.Fprintf(b, "q:%d\n", priority)
	}
	if p.Tag != "" {
		fmt.Fprintf(b, "s:%s\n", p.Tag)
	}
}

// write writes a directory and its files.
func (d *ownedDir) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "F:%s\n", d.name)
	if d.acl != defaultDirACL() {
		d.acl.write(b, 'M')
	}
	for _, f := range d.files {
		if f.replaced {
			continue
		}
		fmt.Fprintf(b, "R:%s\n", f.name())
		if *f.acl != defaultFileACL() {
			f.acl.write(b, 'a')
		}
		if f.summed {
			fmt.Fprintf(b, "Z:%s\n", apk.Checksum(f.sum))
		}
	}
}

func (a acl) write(b *bytes.Buffer, field byte) {
	fmt.Fprintf(b, "%c:%d:%d:%o", field, a.uid, a.gid, a.mode)
	if a.xattrs != "" {
		fmt.Fprintf(b, ":%s", a.xattrs)
	}
	b.WriteByte('\n')
}

// triggersText returns lib/apk/db/triggers. apk 2 writes it in the order of installation, apk 3 by name.
func (r *Root) triggersText() []byte {
	var b bytes.Buffer
	packages := r.present()
	if r.o.Dialect == apk.Dialect3 {
		packages = r.byName()
	} else if r.base != nil {
		packages = r.base.inTriggerOrder(packages)
	}
	for _, p := range packages {
		if globs := p.triggers(); len(globs) > 0 {
			fmt.Fprintf(&b, "%s %s\n", p.Package.Checksum, strings.Join(globs, " "))
		}
	}
	return b.Bytes()
}

// worldText returns etc/apk/world: one constraint for each name, the last one. The order ignores "!". See apk-world(5).
func worldText(world []apk.Dependency) []byte {
	last := make(map[string]apk.Dependency)
	for _, d := range world {
		last[d.Name] = d
	}
	var b bytes.Buffer
	for _, name := range slices.SortedFunc(maps.Keys(last), compareNames) {
		fmt.Fprintln(&b, last[name])
	}
	return b.Bytes()
}

// compressed returns the gzip of Dialect3's scripts. The same input gives the same bytes.
func compressed(plain []byte) []byte {
	var b bytes.Buffer
	z, _ := scriptsWriters.Get().(*gzip.Writer)
	if z == nil {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestCompression) // it cannot fail: the level is valid
	}
	z.Reset(&b)
	_, _ = z.Write(plain) // a bytes.Buffer takes all
	_ = z.Close()
	z.Reset(io.Discard)
	scriptsWriters.Put(z)
	return b.Bytes()
}

// scriptsWriters compress scripts, one root at a time each. A writer has over a megabyte of memory, which takes more time to make than
// scripts take to compress.
//
//nolint:gochecknoglobals // their output follows from their input alone
var scriptsWriters sync.Pool
