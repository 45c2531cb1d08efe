package version

import (
	"fmt"
	"strings"
)

// Specifiers select versions: ">=1.2,!=1.3.*". All of them must hold, so the
// zero value takes every version.
type Specifiers struct {
	all []specifier
}

type specifier struct {
	operator string
	text     string // as written, for "===" and for printing
	version  Version
	prefix   bool // the version ends in ".*"
}

// ParseSpecifiers reads specifiers that commas separate. Empty ones are left out.
func ParseSpecifiers(text string) (Specifiers, error) {
	var s Specifiers
	if len(text) > maxLength*16 {
		return s, fmt.Errorf("parsing specifiers %q: longer than %d bytes", clip(text), maxLength*16)
	}
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		parsed, err := parseSpecifier(one)
		if err != nil {
			return Specifiers{}, err
		}
		s.all = append(s.all, parsed)
	}
	return s, nil
}

func parseSpecifier(text string) (specifier, error) {
	s := specifier{operator: operatorOf(text)}
	s.text = strings.TrimSpace(text[len(s.operator):])
	wrong := func(why string) (specifier, error) {
		return specifier{}, fmt.Errorf("parsing specifier %q: %s", clip(text), why)
	}
	switch s.operator {
	case "":
		return wrong("expected one of ~= == != <= >= < > === first")
	case "===":
		if s.text == "" || strings.ContainsAny(s.text, " \t;)") {
			return wrong("expected one word after ===")
		}
		s.version, _ = Parse(s.text) // any word is allowed
		return s, nil
	}
	bare := s.text
	if s.operator == "==" || s.operator == "!=" {
		bare, s.prefix = strings.CutSuffix(s.text, ".*")
	}
	v, err := Parse(bare)
	switch {
	case err != nil:
		return wrong("expected a PEP 440 version after " + s.operator)
	case s.prefix && (v.isPrerelease() || v.post != nil || v.local != nil):
		return wrong(".* may follow a release number only")
	case v.local != nil && s.operator != "==" && s.operator != "!=":
		return wrong("a local label may follow == and != only")
	case s.operator == "~=" && len(v.release) < 2:
		return wrong("~= wants a release with a dot")
	}
	s.version = v
	return s, nil
}

func operatorOf(text string) string {
	for _, o := range []string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"} {
		if strings.HasPrefix(text, o) {
			return o
		}
	}
	return ""
}

// String is the specifiers as they were written, without needless blanks.
func (s Specifiers) String() string {
	parts := make([]string, len(s.all))
	for i, one := range s.all {
		parts[i] = one.operator + one.text
	}
	return strings.Join(parts, ",")
}

// IsZero reports whether there is no specifier, so that every version fits.
func (s Specifiers) IsZero() bool { return len(s.all) == 0 }

// Contains reports whether all specifiers take v. Pre-releases count like other
// versions: a caller that chooses among versions leaves them out itself.
func (s Specifiers) Contains(v Version) bool {
	for _, one := range s.all {
		if !one.contains(v) {
			return false
		}
	}
	return true
}

// Pin is the one version that the specifiers name by == or ===, if they do.
func (s Specifiers) Pin() (Version, bool) {
	for _, one := range s.all {
		exact := one.operator == "===" || one.operator == "==" && !one.prefix
		if exact && !one.version.IsZero() {
			return one.version, true
		}
	}
	return Version{}, false
}

func (s specifier) contains(v Version) bool {
	switch s.operator {
	case "===":
		return strings.EqualFold(v.String(), s.text)
	case "==":
		return s.equal(v)
	case "!=":
		return !s.equal(v)
	case "<=":
		return v.public().Compare(s.version) <= 0
	case ">=":
		return v.public().Compare(s.version) >= 0
	case "~=":
		return v.public().Compare(s.version) >= 0 && s.version.leads(v, len(s.version.release)-1)
	case "<":
		return s.less(v)
	}
	return s.greater(v)
}

func (s specifier) equal(v Version) bool {
	if s.prefix {
		return s.version.leads(v, len(s.version.release))
	}
	if s.version.local == nil {
		v = v.public()
	}
	return v.Compare(s.version) == 0
}

// leads reports whether v has the epoch and the first n release numbers of s.
func (s Version) leads(v Version, n int) bool {
	if s.epoch != v.epoch {
		return false
	}
	for i := range n {
		if s.release[i] != at(v.release, i) {
			return false
		}
	}
	return true
}

// less leaves out the pre-releases of the version that it names: <3.1 does not take 3.1.dev0.
func (s specifier) less(v Version) bool {
	if v.Compare(s.version) >= 0 {
		return false
	}
	return s.version.isPrerelease() || !v.isPrerelease() || !v.sameBase(s.version)
}

// greater leaves out the post releases and local versions of the version that it names.
func (s specifier) greater(v Version) bool {
	if v.Compare(s.version) <= 0 {
		return false
	}
	if (s.version.post == nil && v.post != nil || v.local != nil) && v.sameBase(s.version) {
		return false
	}
	return true
}
