package lock

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/layers"
)

// A Reason says why a layer's bytes are not those of its source: a code and its arguments. The lock and the image's history have
// its text form, for programs. String returns a sentence, for people. So the wording can change without changing a digest.
type Reason struct {
	Code ReasonCode
	Args []string
}

// ReasonCode names a kind of Reason. Codes are part of every image's bytes: they never change their meaning.
type ReasonCode string

// The codes, each with its arguments.
const (
	ReasonGenerated    ReasonCode = "generated"     // pyimg makes the layer, from no single source
	ReasonCompression  ReasonCode = "compression"   // COMPRESSION: the spec asks for this one
	ReasonMerged       ReasonCode = "merged"        // MAX: small packages share a layer to stay within MAX layers
	ReasonSingle       ReasonCode = "single"        // the spec asks for one layer for all packages
	ReasonExcluded     ReasonCode = "excluded"      // N: N paths are excluded
	ReasonPrefix       ReasonCode = "prefix"        // FROM TO: the files move from one folder to another
	ReasonOwner        ReasonCode = "owner"         // UID GID: all files get this owner
	ReasonAttributes   ReasonCode = "attributes"    // PATH UID GID MODE: apk gives the path this owner and mode, not the archive's
	ReasonMoved        ReasonCode = "moved"         // PATH TO: the path leads through another package's symlink
	ReasonLost         ReasonCode = "lost"          // PATH PACKAGE: another package's file is at the path
	ReasonOnSymlink    ReasonCode = "on-symlink"    // PATH: a folder entry where the root has a symlink
	ReasonOnFile       ReasonCode = "on-file"       // PATH: a folder entry where the root has a file
	ReasonNotInstalled ReasonCode = "not-installed" // MEMBER WHY: apk does not install it; WHY is a root.SkipReason
	ReasonFault        ReasonCode = "fault"         // CODE PATH DETAIL: see layers.Fault
	ReasonImage        ReasonCode = "image"         // PATH...: the layer is a part of another image
	ReasonWheels       ReasonCode = "wheels"        // the layer is made of wheels' files; large ones keep their compressed bytes
)

// NewReason makes a Reason. Arguments are formatted as by fmt.Sprint.
func NewReason(code ReasonCode, args ...any) Reason {
	r := Reason{Code: code}
	for _, a := range args {
		r.Args = append(r.Args, fmt.Sprint(a))
	}
	return r
}

// arity returns the number of arguments of a code, or false for an unknown code. ReasonImage has one or more.
func (c ReasonCode) arity() (int, bool) {
	switch c {
	case ReasonGenerated, ReasonSingle, ReasonWheels:
		return 0, true
	case ReasonCompression, ReasonMerged, ReasonExcluded, ReasonOnSymlink, ReasonOnFile, ReasonImage:
		return 1, true
	case ReasonPrefix, ReasonOwner, ReasonMoved, ReasonLost, ReasonNotInstalled:
		return 2, true
	case ReasonFault:
		return 3, true
	case ReasonAttributes:
		return 4, true
	}
	return 0, false
}

// valid reports whether the code is known and the number of arguments is right.
func (r Reason) valid() bool {
	n, known := r.Code.arity()
	return known && (len(r.Args) == n || r.Code == ReasonImage && len(r.Args) > n)
}

// String returns the reason as a sentence for people.
func (r Reason) String() string {
	if !r.valid() {
		text, _ := r.MarshalText()
		return string(text)
	}
	a := r.Args
	switch r.Code {
	case ReasonGenerated:
		return "generated"
	case ReasonWheels:
		return "made of the wheels' own compressed files"
	case ReasonCompression:
		return "the spec asks for " + a[0]
	case ReasonMerged:
		return fmt.Sprintf("the smallest packages are merged to stay within %s layers", a[0])
	case ReasonSingle:
		return "the spec asks for one layer for all packages"
	case ReasonExcluded:
		if a[0] == "1" {
			return "1 path is excluded"
		}
		return a[0] + " paths are excluded"
	case ReasonPrefix:
		return fmt.Sprintf("/%s becomes /%s", a[0], a[1])
	case ReasonOwner:
		return fmt.Sprintf("the owner becomes %s:%s", a[0], a[1])
	case ReasonImage:
		return "/" + strings.Join(a, ", /") + " of the image"
	case ReasonFault:
		return layers.Fault{Code: layers.FaultCode(a[0]), Path: a[1], Detail: a[2]}.String()
	}
	return r.ofPath()
}

// ofPath returns the sentence of a reason about one path.
func (r Reason) ofPath() string {
	a, at := r.Args, path.Join("/", r.Args[0])
	switch r.Code {
	case ReasonAttributes:
		return fmt.Sprintf("apk gives %s the owner %s:%s and the mode %s", at, a[1], a[2], a[3])
	case ReasonMoved:
		return fmt.Sprintf("%s leads to /%s", at, a[1])
	case ReasonLost:
		return fmt.Sprintf("%s belongs to %s", at, a[1])
	case ReasonOnSymlink:
		return at + " is a symlink"
	case ReasonOnFile:
		return at + " is another package's file"
	default: // ReasonNotInstalled
		return fmt.Sprintf("apk does not install %s: %s", at, root.SkipReason(a[1]))
	}
}

// MarshalText writes the code and its arguments, separated by spaces. An argument with a space, a quote or a special character is
// quoted as in Go.
func (r Reason) MarshalText() ([]byte, error) {
	text := []byte(r.Code)
	for _, a := range r.Args {
		text = append(text, ' ')
		if a == "" || strings.ContainsFunc(a, needsQuotes) {
			text = append(text, strings.ReplaceAll(strconv.QuoteToASCII(a), ";", `\x3b`)...) // ";" separates reasons
		} else {
			text = append(text, a...)
		}
	}
	return text, nil
}

func needsQuotes(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == ';' }

// UnmarshalText reads what MarshalText writes.
func (r *Reason) UnmarshalText(text []byte) error {
	code, rest, _ := strings.Cut(string(text), " ")
	read := Reason{Code: ReasonCode(code)}
	for rest != "" {
		arg, after, err := cutArgument(rest)
		if err != nil {
			return fmt.Errorf("reading the reason %q: %w", text, err)
		}
		read.Args, rest = append(read.Args, arg), after
	}
	if !read.valid() {
		return fmt.Errorf("reading the reason %q: its code is unknown, or its number of arguments is wrong", text)
	}
	*r = read
	return nil
}

// cutArgument splits off the first argument of a text and the space after it.
func cutArgument(text string) (arg, rest string, err error) {
	if text[0] != '"' {
		arg, rest, _ = strings.Cut(text, " ")
		return arg, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", err
	}
	if arg, err = strconv.Unquote(quoted); err != nil {
		return "", "", err
	}
	return arg, strings.TrimPrefix(text[len(quoted):], " "), nil
}

// verbatim begins the history comment of a layer that is its source's own bytes. The layer's digest follows it: a tool that
// packs the layer again keeps the history, and then the digest does not match.
const verbatim = "verbatim"

// packedAnew describes a layer that was verbatim when pyimg made the image, and is not any more.
const packedAnew = "packed again since pyimg made it"

// formatComment returns the history comment of a layer with these reasons, or of a verbatim layer with this digest.
func formatComment(reasons []Reason, digest string) string {
	if len(reasons) == 0 {
		return verbatim + " " + digest
	}
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		text, _ := r.MarshalText()
		texts[i] = string(text)
	}
	return strings.Join(texts, "; ")
}

// ReadComment reads a history comment by formatComment, for the layer with a digest. It returns the reasons, and the text for
// people. If pyimg did not make the layer, the text is the comment as it is, or "" if the comment claims to be verbatim.
func ReadComment(createdBy, text, digest string) (reasons []Reason, said string) {
	claim, of, _ := strings.Cut(text, " ")
	ours := strings.HasPrefix(createdBy, HistoryPrefix)
	switch {
	case claim == verbatim && ours && of == digest:
		return nil, verbatim
	case claim == verbatim && ours && of != "":
		return nil, packedAnew
	case claim == verbatim:
		return nil, ""
	case !ours:
		return nil, text
	}
	for part := range strings.SplitSeq(text, "; ") { // no argument holds a ";": MarshalText escapes it
		var r Reason
		if r.UnmarshalText([]byte(part)) != nil {
			return nil, text
		}
		reasons = append(reasons, r)
	}
	return reasons, sentences(reasons)
}

// sentences returns the reasons as a text for people.
func sentences(reasons []Reason) string {
	if len(reasons) == 0 {
		return verbatim
	}
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = r.String()
	}
	return strings.Join(texts, "; ")
}
