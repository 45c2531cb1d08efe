package spec

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// moved is a value of a file that the spec extends as it is from the spec's folder. folder is that of the file, from there.
func moved(field, folder, text string) string {
	if folder == "." || text == "" {
		return text
	}
	switch {
	case regexp.MustCompile(`^(alpine\.keys|alpine\.mirrors|runtime\.mirror|(base|runtime)\.require_signature|python\.(lock|requirements|wheels)|certificates)(\.|$)`).MatchString(field):
		return below(folder, text)
	case field == "files.from":
		return below(quoteGlob(folder), text)
	case field == "alpine.repositories":
		tag, where := cutTag(text)
		if !isPath(where) {
			return text
		}
		if tag != "" {
			return "@" + tag + " " + below(folder, where)
		}
		return below(folder, where)
	case regexp.MustCompile(`^runtime\.source(\.|$)`).MatchString(field):
		if ref, ok := strings.CutPrefix(text, OciLayout); ok && isRegistry(ref) {
			return text
		}
		return movedSource(folder, text)
	case regexp.MustCompile(`^base(\.|$)`).MatchString(field) && strings.Contains(text, OciLayout):
		return movedSource(folder, text)
	}
	return text
}

// movedSource is below for a source, which may be no path.
func movedSource(folder, text string) string {
	for _, before := range []string{FromImage + OciLayout, OciLayout} {
		if dir, ok := strings.CutPrefix(text, before); ok {
			return before + below(folder, dir)
		}
	}
	if text == FromAPK || strings.HasPrefix(text, FromImage) || strings.HasPrefix(text, FromStandalone) {
		return text
	}
	return below(folder, text)
}

// below is a path from a folder; absolute paths and URLs stay. A slash at the end stays, too.
func below(folder, text string) string {
	if IsURL(text) || strings.HasPrefix(text, OciLayout) || path.IsAbs(text) || filepath.IsAbs(text) {
		return text
	}
	return path.Join(folder, filepath.ToSlash(text))
}

// quoteGlob is a folder's name as a part of a glob.
func quoteGlob(folder string) string {
	return regexp.MustCompile(`[*?\[\]{}\\]`).ReplaceAllString(folder, `\$0`)
}
