package apk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A field is one thing that an index says of a package. Function fields lists them all. To add a field, add it there
// only: the code for the index, .PKGINFO, the compact form and apk's database goes by that list.
type field struct {
	letter byte               // in an index and in apk's database
	key    string             // in a .PKGINFO; "" if only an index has it
	of     func(*Package) any // returns a *string, *int64, *int, *Checksum or *[]Dependency into the package
	always bool               // apk's database has it even if it is empty
	// solved is set for the fields that the solver reads. They have a place of their own in the compact form, see
	// indexBuilder.add and Index.packageOf. All others are details there, stored as text.
	solved bool
	fault  listFault
}

// listFault says what apk does with a package whose list of dependencies cannot be read.
type listFault int

const (
	refusePackage listFault = iota
	keepReadable            // uses the part of the list that can be read
	dropList                // ignores the whole list, such as a rule of install_if
)

// fields returns all fields in the order of apk's database. See apk-v2(5) and apk-package(5).
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

// SetField sets the field that an index and apk's database write with this letter. It returns an error if it cannot
// read the value. Of a list, it then sets the part that it could read. It ignores unknown letters.
func (p *Package) SetField(letter byte, value string) error {
	for _, f := range fields() {
		if f.letter == letter {
			return f.set(p, value)
		}
	}
	return nil
}

// AppendDatabase appends the package's fields as apk's database has them, one line each.
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

// setFromInfo is set for a value of a .PKGINFO.
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

// DependencyText returns a list of dependencies as an index and apk's database write it.
func DependencyText(ds []Dependency) string {
	texts := make([]string, len(ds))
	for i, d := range ds {
		texts[i] = d.String()
	}
	return strings.Join(texts, " ")
}

// appendDependencies adds the dependencies in one line of a .PKGINFO to a list.
func appendDependencies(to []Dependency, s string) ([]Dependency, error) {
	ds, err := readDependencies(to, s)
	if errors.Is(err, errBadVersion) {
		err = nil // apk goes by the index and installs such a package
	}
	return ds, err
}

// parseCount reads a number that is not negative.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// growDependencies makes room for all dependencies in value at once.
func growDependencies(ds []Dependency, value string) []Dependency {
	return slices.Grow(ds, strings.Count(value, " ")+1)
}

// setListed is set for an entry of an index. One value that cannot be read does not make the whole index unusable. As
// apk does, setListed refuses some of these packages and ignores parts of others.
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
