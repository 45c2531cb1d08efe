// Package redact removes user name, password, query and fragment from URLs before they are printed or stored. A query
// is often a signature with which anybody can fetch the file (presigned URLs). Every message, progress line, lock,
// history entry and result must take its URLs from this package.
//
// It changes no path, and it cannot recognize a secret in a URL's path.
package redact

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// hidden replaces a part that cannot be parsed safely.
const hidden = "(hidden)"

// URL returns a URL, valid or not, without user name, password, query and fragment. It returns a path unchanged.
func URL(location string) string {
	before, rest, isURL := strings.Cut(location, "://")
	if !isURL || rest == "" {
		return location
	}
	u, err := url.Parse(location)
	if err == nil && u.Opaque == "" && u.Scheme != "" {
		u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
		return u.String()
	}
	// In an invalid URL an @ may end a password or be part of a query; the result must be safe in both cases.
	tag, scheme := "", before
	if space := strings.LastIndexByte(before, ' '); space >= 0 {
		tag, scheme = before[:space+1], before[space+1:] // the tag of a repository: "@TAG URL"
	}
	if strings.ContainsFunc(scheme, notOfScheme) || strings.ContainsAny(tag, ":?#") {
		return hidden
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if strings.ContainsAny(rest[:at], "?#") {
			return tag + scheme + "://" + hidden
		}
		rest = rest[at+1:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return tag + scheme + "://" + rest
}

// IsSecret reports whether a URL has what URL removes, a fragment apart, or may have it. A path is no secret.
func IsSecret(location string) bool {
	_, rest, isURL := strings.Cut(location, "://")
	if !isURL || rest == "" {
		return false
	}
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" || u.Scheme == "" {
		return strings.ContainsAny(rest, "@?")
	}
	return u.User != nil || u.RawQuery != ""
}

// HasSecrets reports whether IsSecret is true of a URL in a text. URLs end as Text says.
func HasSecrets(text string) bool {
	for {
		mark := strings.Index(text, "://")
		if mark < 0 {
			return false
		}
		end := len(text)
		if i := strings.IndexFunc(text[mark:], endsURL); i >= 0 {
			end = mark + i
		}
		if IsSecret(text[schemeStart(text[:mark]):end]) {
			return true
		}
		text = text[end:]
	}
}

// notOfScheme reports whether a character cannot be in a URL's scheme (RFC 3986, 3.1).
func notOfScheme(r rune) bool {
	return r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r)
}

// URLs applies URL to each location.
func URLs(locations []string) []string {
	out := make([]string, len(locations))
	for i, l := range locations {
		out[i] = URL(l)
	}
	return out
}

// Text applies URL to each URL in a text. A URL ends at white space, a quote, an angle bracket or the text's end.
// Punctuation at its end is not part of it.
func Text(text string) string {
	var out strings.Builder
	for {
		mark := strings.Index(text, "://")
		if mark < 0 {
			out.WriteString(text)
			return out.String()
		}
		start := schemeStart(text[:mark])
		end := len(text)
		if i := strings.IndexFunc(text[mark:], endsURL); i >= 0 {
			end = mark + i
		}
		found := text[start:end]
		trimmed := strings.TrimRight(found, ".,:;!)]}")
		if len(trimmed) < mark-start+len("://") {
			trimmed = found
		}
		out.WriteString(text[:start])
		out.WriteString(URL(trimmed))
		out.WriteString(found[len(trimmed):])
		text = text[end:]
	}
}

func endsURL(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("\"'`<>\\", r)
}

// Cause returns the cause of an error of net/http or net/url. The text of such an error repeats the URL, or that of a
// redirect. Cause also applies Text to the text of the cause.
func Cause(err error) error {
	var ue *url.Error
	for errors.As(err, &ue) {
		err = ue.Err
	}
	if err == nil {
		return nil
	}
	if text := Text(err.Error()); text != err.Error() {
		return &redacted{text, err}
	}
	return err
}

// redacted is an error with a replaced text.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }

// schemeStart returns where the scheme at the end of a text begins.
func schemeStart(text string) int {
	return len(strings.TrimRightFunc(text, func(r rune) bool { return !notOfScheme(r) }))
}
