package tag

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/version"
)

// Bounds of a file's name: file systems take 255 bytes, and the largest tag
// sets of real wheels, with several manylinux names, stay below 20.
const (
	maxName = 255
	maxTags = 1000
)

// Filename is what the name of a wheel file says.
type Filename struct {
	Text         string // the whole name, with .whl
	Distribution string // as written; not normalised
	Name         string // normalised
	Version      version.Version
	Build        Build
	Tags         []string // the compressed set written out: py2-none-any, py3-none-any
}

// Build is the optional build tag. It orders wheels of one version: by the number
// first, then by what follows. The zero Build, for no build tag, is the lowest.
type Build struct {
	Number string // decimal digits, without leading zeros
	Suffix string
}

func (b Build) compare(o Build) int {
	return cmp.Or(cmp.Compare(len(b.Number), len(o.Number)), cmp.Compare(b.Number, o.Number), cmp.Compare(b.Suffix, o.Suffix))
}

// isDistribution reports whether text is a project's name with "_" for "-". Old
// tools left dots in it, and runs of "_", which pip takes with a warning.
func isDistribution(text string) bool {
	for _, r := range text {
		if r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return text != ""
}

// ParseFilename reads the name of a wheel file: NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl.
func ParseFilename(text string) (Filename, error) {
	f, err := parseFilename(text)
	if err != nil {
		return Filename{}, fmt.Errorf("reading the file name %.300q as NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl: %w", text, err)
	}
	return f, nil
}

func parseFilename(text string) (Filename, error) {
	f := Filename{Text: text}
	stem, ok := strings.CutSuffix(text, ".whl")
	switch {
	case !ok:
		return f, fmt.Errorf("it does not end in .whl")
	case len(text) > maxName:
		return f, fmt.Errorf("it has more than %d bytes", maxName)
	}
	parts := strings.Split(stem, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return f, fmt.Errorf("it has %d parts between dashes, not 5 or 6", len(parts))
	}
	f.Distribution, f.Name = parts[0], dependency.Normalize(parts[0])
	if !isDistribution(parts[0]) {
		return f, fmt.Errorf("%q is no name of a project", parts[0])
	}
	var err error
	if f.Version, err = ParseVersion(parts[1]); err != nil {
		return f, err
	}
	if len(parts) == 6 {
		if f.Build, ok = parseBuild(parts[2]); !ok {
			return f, fmt.Errorf("the build tag %q does not begin with a digit", parts[2])
		}
	}
	f.Tags, err = Expand(strings.Join(parts[len(parts)-3:], "-"))
	return f, err
}

// ParseVersion reads the version in the name of a wheel or a .dist-info folder,
// where old tools wrote "_" for "-": 1.0_1 is 1.0-1.
func ParseVersion(text string) (version.Version, error) {
	v, err := version.Parse(text)
	if err != nil && strings.Contains(text, "_") {
		return version.Parse(strings.ReplaceAll(text, "_", "-"))
	}
	return v, err
}

func parseBuild(text string) (Build, bool) {
	suffix := strings.TrimLeft(text, "0123456789")
	if suffix == text {
		return Build{}, false
	}
	digits := strings.TrimLeft(text[:len(text)-len(suffix)], "0")
	if digits == "" {
		digits = "0"
	}
	return Build{Number: digits, Suffix: suffix}, true
}

// Expand writes out a compressed tag set: py2.py3-none-any is py2-none-any and
// py3-none-any. Tags are compared in lower case.
func Expand(set string) ([]string, error) {
	parts := strings.Split(strings.ToLower(set), "-")
	if len(parts) != 3 {
		return nil, fmt.Errorf("tag %.300q: expected PYTHON-ABI-PLATFORM", set)
	}
	pythons, abis, platforms := strings.Split(parts[0], "."), strings.Split(parts[1], "."), strings.Split(parts[2], ".")
	if len(pythons)*len(abis)*len(platforms) > maxTags {
		return nil, fmt.Errorf("tag %.300q: more than %d tags", set, maxTags)
	}
	var tags []string
	for _, python := range pythons {
		for _, abi := range abis {
			for _, platform := range platforms {
				if !isTag(python) || !isTag(abi) || !isTag(platform) { // a file's name becomes a path
					return nil, fmt.Errorf("tag %.300q: a part is empty or has other characters than letters, digits and \"_\"", set)
				}
				tags = append(tags, python+"-"+abi+"-"+platform)
			}
		}
	}
	return tags, nil
}

// isTag reports whether a part of a tag has the characters that PEP 425 allows. text is in lower case.
func isTag(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return text != ""
}
