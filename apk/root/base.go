package root

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
)

// Files are the files of a root that is there already, such as that of an image.
type Files struct {
	// All yields every path but the root itself, each folder before what is in it. Header.Name is ignored.
	All iter.Seq2[string, *tar.Header]
	// Read returns the content of a small file. It follows symlinks within the root. The error is fs.ErrNotExist if there is no
	// such file.
	Read func(path string) ([]byte, error)
	// SHA1 returns the checksum of a regular file of any size. Add asks for it only where a package brings a file to a path in
	// a protected folder, such as etc, that has a file already.
	SHA1 func(path string) ([]byte, error)
}

// Base is a root that has packages already.
type Base struct {
	World    []apk.Dependency
	Packages []InstalledPackage // in the order of the database

	root         Files
	records      [][]byte // of the packages in the database, in its order
	scripts      map[apk.Checksum][]apk.Script
	triggers     map[apk.Checksum][]string
	triggerOrder map[apk.Checksum]int
	plainScripts bool // the scripts are in scripts.tar, not in scripts.tar.gz
	protected    []protectedPath
}

// ErrNoDatabase says that a root has no database of apk: nothing was ever installed there, or apk itself was removed.
var ErrNoDatabase = errors.New("it has no database of apk (" + installedFile + ")")

// maxScripts bounds the unpacked scripts of a root. Those of a thousand packages have some 2 MiB.
const maxScripts = 64 << 20

// OpenBase reads apk's database in a root. As apk does, it follows a symlink to it: lib may lead to usr/lib. It looks nowhere else,
// so a database in usr/lib/apk/db alone is ErrNoDatabase. A root with a database and without a world is refused.
func OpenBase(files Files) (*Base, error) {
	b := &Base{root: files, triggers: make(map[apk.Checksum][]string), triggerOrder: make(map[apk.Checksum]int), protected: builtinProtected()}
	installed, err := files.Read(installedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoDatabase
	}
	if err != nil {
		return nil, fmt.Errorf("reading /%s: %w", installedFile, err)
	}
	if b.Packages, err = ReadInstalled(bytes.NewReader(installed)); err != nil {
		return nil, err
	}
	b.records = splitRecords(installed)
	if len(b.records) != len(b.Packages) {
		return nil, fmt.Errorf("reading apk's database: it has %d records of %d packages", len(b.records), len(b.Packages))
	}
	if err := errors.Join(b.readWorld(), b.readTriggers(), b.readScripts()); err != nil {
		return nil, err
	}
	return b, b.readProtected()
}

// splitRecords cuts a database into the records of its packages.
func splitRecords(text []byte) [][]byte {
	var all [][]byte
	for part := range bytes.SplitSeq(text, []byte("\n\n")) {
		if part = bytes.Trim(part, "\n"); bytes.HasPrefix(part, []byte("P:")) || bytes.Contains(part, []byte("\nP:")) {
			all = append(all, part)
		}
	}
	return all
}

func (b *Base) readWorld() error {
	text, err := b.root.Read(worldFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it has a database of apk and no /%s, which says what was asked for: apk itself refuses to work on it", worldFile)
	}
	if err == nil {
		b.World, err = apk.ParseDependencies(string(text))
	}
	if err != nil {
		return fmt.Errorf("reading /%s: %w", worldFile, err)
	}
	return nil
}

// readOptional reads a file that need not be there.
func (b *Base) readOptional(name string) ([]byte, error) {
	text, err := b.root.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading /%s: %w", name, err)
	}
	return text, nil
}

func (b *Base) readTriggers() error {
	text, err := b.readOptional(triggersFile)
	for line := range strings.Lines(string(text)) {
		sum, globs, _ := strings.Cut(strings.TrimSpace(line), " ")
		if c, err := apk.ParseChecksum(sum); err == nil {
			b.triggers[c] = strings.Fields(globs)
			b.triggerOrder[c] = len(b.triggerOrder)
		}
	}
	return err
}

// inTriggerOrder sorts packages as apk 2 writes their triggers: those of the base in the order of its file, then the new ones.
func (b *Base) inTriggerOrder(packages []*rootPackage) []*rootPackage {
	ordered := make([]*rootPackage, len(b.triggerOrder))
	var fresh []*rootPackage
	for _, p := range packages {
		if i, known := b.triggerOrder[p.Package.Checksum]; known && p.index < 0 {
			ordered[i] = p
		} else {
			fresh = append(fresh, p)
		}
	}
	var out []*rootPackage
	for _, p := range ordered {
		if p != nil {
			out = append(out, p)
		}
	}
	return append(out, fresh...)
}

func (b *Base) readScripts() error {
	text, err := b.root.Read(scriptsFile)
	b.plainScripts = err == nil
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if text, err = b.readOptional(scriptsFile + gzipSuffix); err != nil || text == nil {
			return err
		}
		if text, err = gunzip(text); err != nil {
			return fmt.Errorf("reading /%s: %w", scriptsFile+gzipSuffix, err)
		}
	case err != nil:
		return fmt.Errorf("reading /%s: %w", scriptsFile, err)
	}
	if b.scripts, err = parseScripts(text); err != nil {
		return fmt.Errorf("reading apk's scripts: %w", err)
	}
	return nil
}

func gunzip(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxScripts+1))
	if err == nil && len(plain) > maxScripts {
		err = fmt.Errorf("unpacked it has more than %d bytes", maxScripts)
	}
	return plain, err
}

// parseScripts reads scripts.tar. The name of a member is NAME-VERSION.CHECKSUM.TYPE.
func parseScripts(text []byte) (map[apk.Checksum][]apk.Script, error) {
	scripts := make(map[apk.Checksum][]apk.Script)
	for tr := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return scripts, nil
		}
		if err != nil {
			return nil, err
		}
		rest, kind := cutLast(h.Name, ".")
		_, sum := cutLast(rest, ".")
		c, ok := parseScriptSum(sum)
		if h.Typeflag != tar.TypeReg || !ok {
			continue
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		scripts[c] = append(scripts[c], apk.Script{Type: kind, Content: content})
	}
}

// cutLast cuts a text at the last separator.
func cutLast(s, sep string) (before, after string) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+len(sep):]
}

// Add makes the root that "apk add --no-scripts" makes of a root by these changes, in this order. Each names the installed package
// that goes, a package that comes, or both. The indexes of packages in the result count those that come. If apk would report
// errors, Add returns them joined, as Install does.
func Add(b *Base, changes []Replacement, o Options) (*Root, error) {
	in, err := newInstaller(o)
	if err != nil {
		return nil, err
	}
	in.base, in.root.base, in.root.lost = b, b, in.lost
	if err := in.layBase(); err != nil {
		return nil, err
	}
	byName := make(map[string]*rootPackage)
	for _, p := range in.root.packages {
		byName[p.Package.Name] = p
	}
	for _, c := range changes {
		if c.Old == "" {
			continue
		}
		if byName[c.Old] == nil {
			return nil, fmt.Errorf("replacing package %q: the root does not have it", c.Old)
		}
		byName[c.Old].going = true
	}
	index := 0
	for _, c := range changes {
		old := byName[c.Old]
		if c.New == nil {
			if old != nil {
				in.purge(old, nil)
			}
			continue
		}
		if err := in.install(index, *c.New, old); err != nil {
			return nil, err
		}
		index++
	}
	return in.finish()
}

// Replacement is one change of a root.
type Replacement struct {
	Old string     // the name of the installed package that goes; "" for none
	New *Installed // the package that comes; nil for none
}

// parseScriptSum reads the checksum in the name of a script: Q1 and base64 as apk 2 writes it, X1 and hex as apk 3 does.
func parseScriptSum(text string) (apk.Checksum, bool) {
	if digits, ok := strings.CutPrefix(text, "X1"); ok {
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != len(apk.Checksum{}) {
			return apk.Checksum{}, false
		}
		return apk.Checksum(raw), true
	}
	c, err := apk.ParseChecksum(text)
	return c, err == nil
}

// OnlyApk3 reports whether the database has what only apk 3 writes.
func (b *Base) OnlyApk3() bool { return !b.plainScripts && len(b.scripts) > 0 }
