package dependency

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/wheel/version"
)

// Requirement is one dependency specifier.
type Requirement struct {
	Name       string // as written
	Extras     []string
	Specifiers version.Specifiers
	URL        string // of "name @ URL"; then there are no specifiers
	Marker     Marker // the zero Marker always applies
}

// ParseRequirement reads a dependency specifier such as
// "requests[socks]>=2.8; python_version < '3.14'".
func ParseRequirement(text string) (Requirement, error) {
	r, err := parseRequirement(strings.Trim(text, " \t\r\n"))
	if err != nil {
		return Requirement{}, fmt.Errorf("parsing requirement %q: %w", clip(text), err)
	}
	return r, nil
}

func parseRequirement(text string) (r Requirement, err error) {
	if len(text) > maxLength {
		return r, fmt.Errorf("longer than %d bytes", maxLength)
	}
	end := nameEnd(text)
	if end == 0 {
		return r, fmt.Errorf("expected the name of a project first")
	}
	r.Name = text[:end]
	rest := strings.TrimLeft(text[end:], " \t")
	if r.Extras, rest, err = parseExtras(rest); err != nil {
		return r, err
	}
	var marker string
	if after, ok := strings.CutPrefix(rest, "@"); ok {
		r.URL, marker, err = splitURL(strings.Trim(after, " \t"))
	} else {
		rest, marker, _ = cutMarker(rest)
		r.Specifiers, err = parseSpecifiers(strings.Trim(rest, " \t"))
	}
	if err != nil {
		return r, err
	}
	if marker == "" {
		return r, nil
	}
	r.Marker, err = parseMarker(marker[1:])
	return r, err
}

// cutMarker splits text at the semicolon, which stays with the marker.
func cutMarker(text string) (before, marker string, ok bool) {
	before, _, ok = strings.Cut(text, ";")
	return before, text[len(before):], ok
}

// parseExtras reads "[a, b]" and returns what follows.
func parseExtras(text string) (extras []string, rest string, err error) {
	after, ok := strings.CutPrefix(text, "[")
	if !ok {
		return nil, text, nil
	}
	list, rest, ok := strings.Cut(after, "]")
	if !ok {
		return nil, "", fmt.Errorf("the extras have no closing bracket")
	}
	if strings.Trim(list, " \t") != "" {
		for extra := range strings.SplitSeq(list, ",") {
			extra = strings.Trim(extra, " \t")
			if err := CheckName(extra); err != nil {
				return nil, "", fmt.Errorf("reading its extras: %w", err)
			}
			extras = append(extras, extra)
		}
	}
	return extras, strings.TrimLeft(rest, " \t"), nil
}

// splitURL splits "URL ; marker" at the first blank, since a URL may hold semicolons.
func splitURL(text string) (url, marker string, err error) {
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	url, marker = text[:end], strings.TrimLeft(text[end:], " \t")
	if url == "" {
		return "", "", fmt.Errorf("expected a URL after @")
	}
	if marker != "" && marker[0] != ';' {
		return "", "", fmt.Errorf("expected a semicolon and a marker after the URL")
	}
	return url, marker, nil
}

func parseSpecifiers(text string) (version.Specifiers, error) {
	if inner, ok := strings.CutPrefix(text, "("); ok {
		inner, closed := strings.CutSuffix(inner, ")")
		if !closed {
			return version.Specifiers{}, fmt.Errorf("the version has no closing parenthesis")
		}
		text = inner
	}
	return version.ParseSpecifiers(text)
}

// String is the requirement in one line that ParseRequirement reads.
func (r Requirement) String() string {
	var b strings.Builder
	b.WriteString(r.Name)
	if len(r.Extras) > 0 {
		b.WriteString("[" + strings.Join(r.Extras, ",") + "]")
	}
	b.WriteString(r.Specifiers.String())
	if r.URL != "" {
		b.WriteString(" @ " + r.URL)
		if !r.Marker.IsZero() {
			b.WriteByte(' ')
		}
	}
	if !r.Marker.IsZero() {
		b.WriteString("; " + r.Marker.String())
	}
	return b.String()
}
