package remote

import (
	"net/http"
	"strings"
)

// A challenge says how a server wants clients to authenticate: "basic", "bearer" or another scheme, in lower case, and
// its parameters.
type challenge struct {
	scheme string
	params map[string]string
}

// readChallenge returns the first challenge of a supported scheme in the WWW-Authenticate headers of an answer. See RFC
// 9110, 11.6.1. It reads one challenge per header, as registries send them.
func readChallenge(h http.Header) (challenge, bool) {
	for _, v := range h.Values("WWW-Authenticate") {
		if c := parseChallenge(v); c.scheme == "basic" || c.scheme == "bearer" {
			return c, true
		}
	}
	return challenge{}, false
}

func parseChallenge(s string) challenge {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	c := challenge{scheme: strings.ToLower(scheme), params: map[string]string{}}
	for rest = strings.TrimLeft(rest, " ,"); rest != ""; rest = strings.TrimLeft(rest, " ,") {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		var value string
		value, rest = parseValue(strings.TrimLeft(after, " "))
		c.params[strings.ToLower(strings.TrimSpace(key))] = value
	}
	return c
}

// parseValue reads a token or a quoted string, and returns the rest of the text.
func parseValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
