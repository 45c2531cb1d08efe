package apk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A field is one thing that an index says of a package. fields lists them all, and is the one place where a field is added:
// the index, .PKGINFO, the compact form and apk's database are read and written by it.
type field struct {
	letter byte               // in an index and in apk's database
	key    string             // in a .PKGINFO; "" where only an index knows it
	of     func(*Package) any // where it is kept: a *string, *int64, *int, *Checksum or *[]Dependency
	always bool               // apk's database has it even where it is empty
	// solved is set for what the solver reads: it has a place of its own in the compact form, see rowOf and packageOf. All
	// else is a detail there, as its text.
	solved bool
	fault  listFault
}

// listFault says what apk does with a package when its index entry has a list of dependencies that cannot be read.
type listFault int

const (
	refusePackage listFault = iota
	keepReadable            // what can be read of the list counts
	dropList                // a rule counts whole or not at all
)

// fields are in the order of apk's database. See apk-v2(5) and apk-package(5).
func fields() [17]field {
	return [...]field{
		{letter: 'C', of: func(p *Package) any { return &p.Checksum }, always: true, solved: true},
		{letter: 'P', key: "pkgname", of: func(p *Package) any { return &p.Name }, always: true, solved: true},
		{letter: 'V', key: "pkgver", of: func(p *Package) any { return &p.Version }, always: true, solved: true},
		{letter: 'A', key: "arch", of: func(p *Package) any { return &p.Arch }, solved: true},
		{letter: 'S', of: func(p *Package) any { return &p.Size }, always: true},
		{letter: 'I', key: "size", of: func(p *Package) any { return &p.InstalledSize }, always: true, solved: true},
		{letter: 'T', key: "pkgdesc", of: func(p *Package) any { return &p.Description }, always: true},
		{letter: 'U', key: "url", of: func(p *Package) any { return &p.URL }, always: true},
		{letter: 'L', key: "license", of: func(p *Package) any { return &p.License }, always: true},
		{letter: 'o', key: "origin", of: func(p *Package) any { return &p.Origin }},
		{letter: 'm', key: "maintainer", of: func(p *Package) any { return &p.Maintainer }},
		{letter: 't', key: "builddate", of: func(p *Package) any { return &p.BuildTime }},
		{letter: 'c', key: "commit", of: func(p *Package) any { return &p.Commit }},
		{letter: 'k', key: "provider_priority", of: func(p *Package) any { return &p.ProviderPriority }, solved: true},
		{letter: 'D', key: "depend", of: func(p *Package) any { return &p.Depends }, solved: true},
		{letter: 'p', key: "provides", of: func(p *Package) any { return &p.Provides }, solved: true, fault: keepReadable},
		{letter: 'i', key: "install_if", of: func(p *Package) any { return &p.InstallIf }, solved: true, fault: dropList},
	}
}

// SetField sets what an index or apk's database says of the package under a letter. It reports an error if the value cannot
// be read; of a list, what could be read is set. A letter that no field has is passed over.
func (p *Package) SetField(letter byte, value string) error {
	for _, f := range fields() {
		if f.letter == letter {
			return f.set(p, value)
		}
	}
	return nil
}

// AppendDatabase appends what apk's database has of the package, a line for each field.
func (p *Package) AppendDatabase(b []byte) []byte {
	for _, f := range fields() {
		if text := f.text(p); f.always || text != "" && text != "0" {
			b = append(append(append(b, f.letter, ':'), text...), '\n')
		}
	}
	return b
}

func (f field) set(p *Package, value string) (err error) {
	switch v := f.of(p).(type) {
	case *string:
		*v = value
	case *int64:
		*v, err = parseCount(value)
	case *int:
		*v, err = strconv.Atoi(value)
	case *Checksum:
		*v, err = ParseChecksum(value)
	case *[]Dependency:
		*v, err = readDependencies(growDependencies(*v, value), value)
	}
	return err
}

// setFromInfo is set for the value that a .PKGINFO has.
func (f field) setFromInfo(p *Package, value string) (err error) {
	switch v := f.of(p).(type) {
	case *int64:
		*v, err = strconv.ParseInt(value, 10, 64)
	case *[]Dependency:
		*v, err = appendDependencies(*v, value)
	default:
		return f.set(p, value)
	}
	return err
}

func (f field) text(p *Package) string {
	switch v := f.of(p).(type) {
	case *string:
		return *v
	case *int64:
		return strconv.FormatInt(*v, 10)
	case *int:
		return strconv.Itoa(*v)
	case *Checksum:
		return v.String()
	case *[]Dependency:
		return DependencyText(*v)
	}
	return ""
}

// DependencyText is a list of dependencies as an index and apk's database have it.
func DependencyText(ds []Dependency) string {
	texts := make([]string, len(ds))
	for i, d := range ds {
		texts[i] = d.String()
	}
	return strings.Join(texts, " ")
}

// appendDependencies reads what one line of a .PKGINFO adds to a list.
func appendDependencies(to []Dependency, s string) ([]Dependency, error) {
	ds, err := readDependencies(to, s)
	if errors.Is(err, errBadVersion) {
		err = nil // apk installs such a package all the same: what counts is the index
	}
	return ds, err
}

// parseCount reads a number that is not negative.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// growDependencies makes room for all of value's at once.
func growDependencies(ds []Dependency, value string) []Dependency {
	return slices.Grow(ds[:len(ds):len(ds)], strings.Count(value, " ")+1)
}

// setListed is set for the entry of an index, where one value that cannot be read does not spoil the whole index: apk would
// never install some such packages, which are refused, and passes over parts of others.
func (f field) setListed(p *Package, value string) {
	err := f.set(p, value)
	list, isList := f.of(p).(*[]Dependency)
	switch {
	case err == nil || isList && f.fault == keepReadable:
	case isList && f.fault == dropList:
		*list = nil
	case isList:
		p.refuse("%v", err)
	default:
		p.refuse("its index entry's %q: %v", fmt.Sprintf("%c:", f.letter), err)
	}
}
