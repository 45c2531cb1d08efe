package base

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// System is what os-release(5) says of an image.
type System struct{ ID, Version, Name string }

// system reads etc/os-release, or usr/lib/os-release.
func (r *reader) system() System {
	var s System
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := r.read(name)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), "=")
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			switch key {
			case "ID":
				s.ID = value
			case "VERSION_ID":
				s.Version = value
			case "PRETTY_NAME":
				s.Name = value
			}
		}
		return s
	}
	return s
}

// Branch returns the branch of Alpine that the system is of: v3.20 for version 3.20.3, edge for 3.23_alpha20250612; "" for another
// system.
func (s System) Branch() string {
	if s.ID != "alpine" {
		return ""
	}
	m := regexp.MustCompile(`^(\d+\.\d+)([._].*)?$`).FindStringSubmatch(s.Version)
	switch {
	case m == nil:
		return ""
	case strings.HasPrefix(m[2], "_"):
		return "edge"
	}
	return "v" + m[1]
}

// Dialect returns the apk whose rules the root follows: that of its apk-tools, else 0. A database that only apk 3 writes is one of
// apk 3.
func (i *Image) Dialect() apk.Dialect {
	if i.Database == nil {
		return 0
	}
	for _, p := range i.Database.Packages {
		if p.Name == "apk-tools" {
			if strings.HasPrefix(p.Version, "2.") {
				return apk.Dialect2
			}
			return apk.Dialect3
		}
	}
	if i.Database.OnlyApk3() {
		return apk.Dialect3
	}
	return 0
}
