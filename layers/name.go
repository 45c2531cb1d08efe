package layers

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
)

// cleanName returns a member's path below the root: "./usr//bin/" is "usr/bin", "./" is "".
func cleanName(name string) string {
	clean := path.Clean(strings.TrimSuffix(name, "/"))
	switch {
	case clean == ".":
		return ""
	case clean[0] == '/' || strings.HasPrefix(clean, "../") || clean == "..":
		return path.Clean("/" + clean)[1:] // never above the root, also for headers that nobody checked
	}
	return clean
}

// errWhiteout is what is wrong with a whiteout (image-spec, layer.md: it deletes files of the layers below) that is else a
// sound name.
var errWhiteout = errors.New("its name is that of a whiteout")

// errMark is what is wrong with a member that overlayfs would obey.
var errMark = errors.New("overlayfs obeys it, which hides or deletes files of the layers below in docker and podman alone")

// isDeletion reports whether all that is wrong with a member is that it is a whiteout, or obeyed like one.
func isDeletion(err error) bool { return errors.Is(err, errWhiteout) || errors.Is(err, errMark) }

// checkName refuses what no layer may hold: names that lead out of the root, whiteouts and what could not be stored or
// shown.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("its name has %d bytes, more than %d", len(name), maxName)
	}
	if hasControl(name) {
		return errors.New("its name holds control characters")
	}
	if strings.HasPrefix(name, "/") {
		return errors.New("its name is absolute")
	}
	var err error
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return errors.New(`its name holds ".."`)
		case strings.HasPrefix(part, ".wh."):
			err = errWhiteout
		case len(part) > maxComponent:
			return fmt.Errorf("its name has a part of %d bytes, more than %d", len(part), maxComponent)
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

// parents yields the folders that hold p, the nearest first; the root is left out.
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

// digestHex returns the hexadecimal part of a digest. It becomes a file name: nothing else may pass.
func digestHex(digest string) (string, error) {
	sum, found := strings.CutPrefix(digest, digestPrefix)
	if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
		return "", fmt.Errorf("digest %q: want %q and 64 lower-case hexadecimal digits", digest, digestPrefix)
	}
	return sum, nil
}
