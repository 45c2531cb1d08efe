// Package inventory lists what the root of an image consists of: packages, interpreter, allocator, Python distributions and what
// is linked into them. A build gives it what it knows of its inputs; of any other image everything is read from the root.
package inventory

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers/tree"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

// Input is what an image is made of, as far as it is known.
type Input struct {
	Tree     *tree.Tree
	Packages []*apk.Package // nil: those of apk's database in the root
	Runtimes []Runtime
	Wheels   map[string]Wheel // by NAME==VERSION
	Files    Files            // the spec's own files
	// Environment is that of the Python that uses a folder of distributions; nil: their dependencies are not listed.
	Environment func(site string) dependency.Environment
}

// Files are those that the spec takes of its folder.
type Files struct {
	Digest  string            // covers names, kinds, owners, modes and contents of all files; "" if the spec takes no file
	Regular map[string]string // the SHA-256 of each regular file, in hexadecimal, by its path from the root
}

// A Wheel is one that the image was made with.
type Wheel struct {
	SHA256 string   // of its file, in hexadecimal
	Needs  []string // libraries that its files need, such as libz.so.1
}

// A Runtime is a tarball or a part of an image.
type Runtime struct {
	URL    string // public
	Digest string // of the tarball, or of the image's manifest; "" if unknown
	Report python.Report
}

const (
	// listedBy is the detail that names the document of a runtime or a wheel that lists the component.
	listedBy = "pyimg:listed-by"
	// runtimePrefix begins the ID of a runtime that is neither a Python nor an allocator.
	runtimePrefix = "runtime:"
	// maxListedFiles bounds the files that are listed one by one: a lock has 200 bytes for each, and each platform's document, too.
	maxListedFiles = 5000
)

// Of lists the components, sorted by their reference.
func Of(in Input) ([]sbom.Component, error) {
	l := list{in: in}
	l.system()
	if err := l.packages(); err != nil {
		return nil, err
	}
	for _, r := range in.Runtimes {
		l.runtime(r)
	}
	l.files()
	l.own()
	slices.SortStableFunc(l.all, func(a, b sbom.Component) int { return cmp.Compare(a.Ref(), b.Ref()) })
	return slices.CompactFunc(l.all, func(a, b sbom.Component) bool { return a.Ref() == b.Ref() }), nil
}

// own adds the spec's files: all as one component, and each regular file by its content.
func (l *list) own() {
	digest := strings.TrimPrefix(l.in.Files.Digest, "sha256:")
	if digest == "" {
		return
	}
	whole := sbom.Component{ID: "files", Kind: sbom.Files, Name: "files", SHA256: digest,
		Source: "the files of the spec; the digest covers their names, kinds, owners, modes and contents"}
	if n := len(l.in.Files.Regular); n > maxListedFiles {
		whole.Source += fmt.Sprintf("; they are %d, more than %d, so they are not listed one by one", n, maxListedFiles)
	} else {
		for _, name := range slices.Sorted(maps.Keys(l.in.Files.Regular)) {
			n, err := l.in.Tree.Lookup(name)
			if err != nil {
				continue // the spec leaves it out of the image
			}
			at := "/" + n.Path
			if !utf8.ValidString(at) { // JSON has one replacement for all other bytes, and names must differ
				at = strings.Trim(strconv.Quote(at), `"`)
			}
			c := sbom.Component{ID: "file:" + at, Kind: sbom.File, Name: at, SHA256: l.in.Files.Regular[name]}
			l.all = append(l.all, c)
			whole.Contains = append(whole.Contains, c.ID)
		}
	}
	l.all = append(l.all, whole)
}

// list is an inventory that is being made.
type list struct {
	in          Input
	all         []sbom.Component
	os          map[string]string   // os-release(5)
	provides    map[string][]string // references of packages, by what they provide
	python3     string              // version of apk's package; "" if there is none
	interpreter string              // reference of the Python; "" if there is none
	inside      map[string][]string // references of what a component contains
	musl        string              // what packages provide that have musl's library, such as so:libc.musl-x86_64.so.1; "" if none does
}

// system adds the distribution.
func (l *list) system() {
	l.os = osRelease(l.in.Tree)
	if id := l.os["ID"]; id != "" {
		l.all = append(l.all, sbom.Component{ID: "os:" + id, Kind: sbom.System, Name: id, Version: l.os["VERSION_ID"], Supplier: l.os["NAME"]})
	}
}

// osRelease reads os-release(5) of a root.
func osRelease(t *tree.Tree) map[string]string {
	values := map[string]string{}
	for _, at := range []string{"etc/os-release", "usr/lib/os-release"} {
		n, err := t.Lookup(at)
		if err != nil || n.Entry.Kept == nil {
			continue
		}
		for s := bufio.NewScanner(bytes.NewReader(n.Entry.Kept)); s.Scan(); {
			if key, value, ok := strings.Cut(s.Text(), "="); ok {
				values[strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
		break
	}
	return values
}

// packages adds apk's packages, and makes the distribution contain them.
func (l *list) packages() error {
	all := l.in.Packages
	if all == nil {
		installed, err := check.Installed(l.in.Tree)
		if err != nil {
			return err
		}
		for i := range installed {
			all = append(all, &installed[i].Package)
		}
	}
	l.provides, l.inside = make(map[string][]string), make(map[string][]string)
	refs := make([]string, len(all))
	for i, p := range all {
		refs[i] = l.packageURL(p)
		if p.Name == "python3" {
			l.python3 = p.Version
		}
		l.provides[p.Name] = append(l.provides[p.Name], refs[i])
		for _, d := range p.Provides {
			if strings.HasPrefix(d.Name, "so:libc.musl-") {
				l.musl = d.Name
			}
			if d.Name != p.Name {
				l.provides[d.Name] = append(l.provides[d.Name], refs[i])
			}
		}
	}
	for i, p := range all {
		c := sbom.Component{Name: p.Name, Version: p.Version, PURL: refs[i], License: p.License, Details: map[string]string{
			"pyimg:apk:checksum": p.Checksum.String(), "pyimg:apk:arch": p.Arch}}
		origin := cmp.Or(p.Origin, p.Name)
		c.Source = "origin " + origin
		if p.Commit != "" {
			c.Source += " at commit " + p.Commit
		}
		// trivy looks vulnerabilities up by the source package; it reads its name from these properties.
		c.Details["aquasecurity:trivy:SrcName"], c.Details["aquasecurity:trivy:SrcVersion"] = origin, p.Version
		if len(p.InstallIf) > 0 {
			c.Details[sbom.InstallIf] = apk.DependencyText(p.InstallIf)
		}
		for _, d := range p.Depends {
			if !d.Conflict {
				c.Requires = append(c.Requires, l.others(d.Name, refs[i])...)
			}
		}
		slices.Sort(c.Requires)
		c.Requires = slices.Compact(c.Requires)
		l.all = append(l.all, c)
	}
	if len(refs) > 0 && len(l.all) > len(refs) { // the distribution is the first
		slices.Sort(refs)
		l.all[0].Contains = refs
	}
	return nil
}

// maxProviders bounds how many packages are listed as providers of one name. An installed system has one or a few; the database of a
// foreign image may have thousands that all provide and need the same name.
const maxProviders = 32

// others are the packages that provide a name, without the one that asks.
func (l *list) others(name, asks string) []string {
	var refs []string
	for _, ref := range l.provides[name] {
		if len(refs) < maxProviders && ref != asks {
			refs = append(refs, ref)
		}
	}
	return refs
}

// packageURL is a package's URL as purl-spec's type apk has it, with the qualifiers that scanners look for.
func (l *list) packageURL(p *apk.Package) string {
	q := map[string]string{"arch": p.Arch}
	id := cmp.Or(l.os["ID"], "alpine")
	if v := l.os["VERSION_ID"]; v != "" {
		q["distro"] = id + "-" + v
	}
	if p.Origin != p.Name {
		q["upstream"] = p.Origin
	}
	return sbom.PURL{Type: "apk", Namespace: id, Name: strings.ToLower(p.Name), Version: p.Version, Qualifiers: q}.String()
}

// runtime adds the interpreter and the allocators of a runtime; a runtime with neither is a component by itself.
func (l *list) runtime(r Runtime) {
	digest := ""
	if !strings.HasPrefix(r.URL, spec.FromImage) {
		digest = strings.TrimPrefix(r.Digest, "sha256:")
	}
	at, local := withoutFolder(r.URL)
	from := at
	if r.Digest != "" {
		from += " " + r.Digest
	}
	var requires []string
	for _, soname := range r.Report.Needs {
		requires = append(requires, l.others("so:"+soname, "")...)
	}
	if strings.Contains(r.Report.Libc, "musl") { // which is not among its needs
		requires = append(requires, l.others(l.musl, "")...)
	}
	slices.Sort(requires)
	requires = slices.Compact(requires)
	known := len(l.all)
	if b := r.Report.Python; b != nil && (b.Version == "" || !strings.HasPrefix(l.python3, b.Version)) { // not Alpine's own
		c := sbom.Component{Kind: sbom.Application, Name: "python", Version: b.Version, License: "PSF-2.0", SHA256: digest, Source: from, Requires: requires,
			PURL: sbom.PURL{Type: "generic", Name: "python", Version: b.Version}.String(),
			CPE:  "cpe:2.3:a:python:python:" + b.Version + ":*:*:*:*:*:*:*", Details: map[string]string{"pyimg:python:build": b.Verdict}}
		if l.interpreter == "" {
			l.interpreter = c.Ref()
		}
		l.all = append(l.all, c)
	}
	for _, a := range r.Report.Allocators {
		licence, ok := map[string]string{"jemalloc": "BSD-2-Clause", "mimalloc": "MIT"}[a.Name]
		if !ok {
			continue
		}
		version := versionIn(r.URL, a.Name)
		l.all = append(l.all, sbom.Component{Name: a.Name, Version: version, License: licence, SHA256: digest, Source: from, Requires: requires,
			PURL: sbom.PURL{Type: "generic", Name: a.Name, Version: version}.String(), Details: map[string]string{"pyimg:path": "/" + strings.TrimPrefix(a.Path, "/")}})
	}
	if len(l.all) == known && r.URL != "" && r.Report.Python == nil {
		id := at
		if local { // another folder may have another one of this name
			id += "@" + r.Digest
		}
		l.all = append(l.all, sbom.Component{ID: runtimePrefix + id, Name: path.Base(strings.TrimPrefix(at, spec.FromImage+spec.OciLayout)), SHA256: digest, Source: from, Requires: requires})
	}
}

// withoutFolder is where a runtime comes from without the folder of a file or of an image's layout, which is of one machine. It reports
// whether it is such a local one.
func withoutFolder(source string) (from string, local bool) {
	if dir, ok := strings.CutPrefix(source, spec.FromImage+spec.OciLayout); ok {
		return spec.FromImage + spec.OciLayout + path.Base(dir), true
	}
	if spec.IsURL(source) || strings.HasPrefix(source, spec.FromImage) {
		return source, false
	}
	return path.Base(source), true
}

// versionIn finds the version in a file's name such as jemalloc-5.3.0-x86_64.tar.gz; "" if there is none.
func versionIn(url, name string) string {
	base := path.Base(url)
	_, rest, ok := strings.Cut(base, name)
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, "-_v")
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end >= 0 {
		rest = rest[:end]
	}
	return strings.Trim(rest, ".")
}

// files adds what files of the root list: Python distributions, and the documents that came with them or with the runtime.
func (l *list) files() {
	var found []distribution
	for n := range l.in.Tree.All() {
		if n.Entry.Kept == nil || strings.HasPrefix(n.Path, sbom.Folder+"/") {
			continue
		}
		dir, base := path.Split(n.Path)
		switch {
		case base == "METADATA" && strings.HasSuffix(dir, ".dist-info/"):
			if m, err := distinfo.ParseMetadata(n.Entry.Kept); err == nil { // pip does not count what it cannot read, either
				found = append(found, distribution{dir: path.Clean(dir), metadata: m})
			}
		case strings.HasSuffix(base, ".cdx.json"), strings.HasSuffix(base, ".spdx.json"):
			l.document(&found, n.Path, n.Entry.Kept)
		}
	}
	l.distributions(found)
	for i := range l.all {
		l.all[i].Contains = append(l.all[i].Contains, l.inside[l.all[i].Ref()]...)
	}
}

// document adds the components of a document. Those of a wheel (PEP 770) are inside the wheel; all others are the runtime's. A
// document that cannot be read is no fault of the image.
func (l *list) document(found *[]distribution, at string, data []byte) {
	components, err := sbom.Read(data)
	if err != nil {
		return
	}
	info, _, ofWheel := strings.Cut(at, ".dist-info/sboms/")
	within := cmp.Or(l.interpreter, "/"+at)
	if ofWheel {
		within = info + ".dist-info"
	}
	var refs []string
	for _, c := range components {
		if c.Name == "" {
			continue
		}
		c.ID = within + "#" + c.Ref()
		c.Details = map[string]string{listedBy: "/" + at}
		refs = append(refs, c.ID)
		l.all = append(l.all, c)
	}
	if ofWheel {
		*found = append(*found, distribution{dir: within, contains: refs})
		return
	}
	l.inside[within] = append(l.inside[within], refs...)
}

// A distribution is a Python distribution, or, without metadata, what a document lists inside it.
type distribution struct {
	dir      string // its .dist-info
	metadata distinfo.Metadata
	contains []string
}

// distributions adds Python distributions.
func (l *list) distributions(found []distribution) {
	contains := make(map[string][]string)
	for _, d := range found {
		contains[d.dir] = append(contains[d.dir], d.contains...)
	}
	found = slices.DeleteFunc(found, func(d distribution) bool { return d.metadata.Name == "" })
	requires := l.requires(found)
	for i, d := range found {
		name, version := dependency.Normalize(d.metadata.Name), d.metadata.Version.String()
		w := l.in.Wheels[name+"=="+version]
		for _, soname := range w.Needs {
			if soname == "libc.so" { // musl's own name for itself, which wheels of musllinux have
				requires[i] = append(requires[i], l.others(l.musl, "")...)
			}
			requires[i] = append(requires[i], l.others("so:"+soname, "")...)
		}
		slices.Sort(requires[i])
		l.all = append(l.all, sbom.Component{Name: name, Version: version, PURL: distributionURL(d.metadata), License: license(d.metadata),
			SHA256: w.SHA256, Requires: slices.Compact(requires[i]), Contains: contains[d.dir],
			Details: map[string]string{"pyimg:path": "/" + d.dir}})
	}
}

func distributionURL(m distinfo.Metadata) string {
	return sbom.PURL{Type: "pypi", Name: dependency.Normalize(m.Name), Version: m.Version.String()}.String()
}

// requires returns, for each distribution, the references of those in the same folder that it needs.
func (l *list) requires(found []distribution) [][]string {
	out := make([][]string, len(found))
	if l.in.Environment == nil {
		return out
	}
	bySite := make(map[string][]int)
	for i, d := range found {
		site := path.Dir(d.dir)
		bySite[site] = append(bySite[site], i)
	}
	for site, members := range bySite {
		set := make([]distinfo.Metadata, len(members))
		index := make(map[string]int, len(members)) // by normalised name
		for n, i := range members {
			set[n] = found[i].metadata
			index[dependency.Normalize(set[n].Name)] = i
		}
		for name, by := range distinfo.Requirers(set, l.in.Environment(site)) {
			for _, requirer := range by {
				if i, ok := index[dependency.Normalize(requirer)]; ok {
					out[i] = append(out[i], distributionURL(found[index[name]].metadata))
				}
			}
		}
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return out
}
