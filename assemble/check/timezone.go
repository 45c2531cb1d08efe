package check

import (
	"path"
	"slices"
	"strings"
)

// timezone checks that the image has the zone that TZ names. Without its file the C library uses UTC without a message. See
// tzset(3) and musl's src/time/__tz.c.
func (c *checker) timezone() {
	name := strings.TrimPrefix(c.env("TZ"), ":")
	if name == "" || isPOSIXZone(name) && !strings.HasPrefix(c.env("TZ"), ":") || isUTC(name) || name == "/etc/localtime" {
		return
	}
	places := []string{name}
	if !path.IsAbs(name) {
		places = nil
		dirs := []string{"/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"}
		if dir := c.env("TZDIR"); dir != "" && !c.Musl {
			dirs = []string{dir}
		}
		for _, dir := range dirs {
			places = append(places, path.Join(dir, name))
		}
	}
	for _, at := range places {
		if n, err := c.Tree.Lookup(at); err == nil && !n.IsDir() || c.filledLater(at) || c.inVolume(at) {
			return
		}
	}
	c.find(Warning, "timezone", "", "add the package tzdata, or unset TZ", "TZ is %s, but the image has no %s: the C library uses UTC instead (Python's tzdata wheel serves only zoneinfo)",
		c.env("TZ"), places[0])
}

// isUTC reports whether a zone is UTC, so that its times are right without its file.
func isUTC(name string) bool {
	return slices.Contains([]string{"UTC", "UCT", "GMT", "Zulu", "Universal", "Greenwich"}, strings.TrimPrefix(name, "Etc/"))
}

// isPOSIXZone reports whether TZ itself describes the zone: a name and its offset, such as CET-1CEST,M3.5.0,M10.5.0/3 or <+03>-3.
func isPOSIXZone(tz string) bool {
	offset := ""
	if quoted, is := strings.CutPrefix(tz, "<"); is {
		_, offset, _ = strings.Cut(quoted, ">")
	} else {
		offset = strings.TrimLeft(tz, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
		if len(tz)-len(offset) < 3 {
			return false
		}
	}
	return offset != "" && strings.ContainsAny(offset[:1], "+-0123456789")
}
