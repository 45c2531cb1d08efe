package remote

import (
	"net/http"
	"strings"
)

// A challenge is how a server wants to be asked: "basic", "bearer" or another scheme, in lower case, with its parameters.
type challenge struct {
	scheme string
	params map[string]string
}

// readChallenge finds the first challenge that we can meet in the WWW-Authenticate headers of an answer. See RFC 9110,
// 11.6.1; as registries send them, a header holds one challenge.
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

// parseValue reads a token or a quoted string, and returns what follows.
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
