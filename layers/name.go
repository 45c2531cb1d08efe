package layers

import (
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// cleanName returns a member's path below the root: "usr/bin" for "./usr//bin/", "" for "./".
func cleanName(name string) string {
	clean := path.Clean(strings.TrimSuffix(name, "/"))
	switch {
	case clean == ".":
		return ""
	case clean[0] == '/' || strings.HasPrefix(clean, "../") || clean == "..":
		return path.Clean("/" + clean)[1:] // never above the root, even for an unchecked header
	}
	return clean
}

// checkName refuses names that no layer may have: names that lead out of the root, whiteouts, and names that cannot be
// stored or shown. The error is a refusal.
func checkName(name string) error {
	if len(name) > maxName {
		return refusal{refusedLong, strconv.Itoa(len(name))}
	}
	if hasControl(name) {
		return refusal{refusedControl, ""}
	}
	if strings.HasPrefix(name, "/") {
		return refusal{refusedAbsolute, ""}
	}
	var err error
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return refusal{refusedParent, ""}
		case strings.HasPrefix(part, ".wh."):
			err = refusal{refusedWhiteout, ""}
		case len(part) > maxComponent:
			return refusal{refusedPart, strconv.Itoa(len(part))}
		}
	}
	return err
}

func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return true
		} else if c >= 0x80 {
			return strings.ContainsFunc(s[i:], unicode.IsControl)
		}
	}
	return false
}

// parents yields the folders above p, the nearest first, without the root.
func parents(p string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := strings.LastIndexByte(p, '/'); i > 0; i = strings.LastIndexByte(p[:i], '/') {
			if !yield(p[:i]) {
				return
			}
		}
	}
}

const digestPrefix = "sha256:"

func formatDigest(sum []byte) string { return digestPrefix + hex.EncodeToString(sum) }

// digestHex returns the hexadecimal part of a digest. It becomes a file name, so digestHex accepts nothing else.
func digestHex(digest string) (string, error) {
	sum, found := strings.CutPrefix(digest, digestPrefix)
	if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
		return "", fmt.Errorf("digest %q: want %q and 64 lower-case hexadecimal digits", digest, digestPrefix)
	}
	return sum, nil
}
