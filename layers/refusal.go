package layers

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// A refusal says why no layer may hold a member. Facts, locks and images hold its kind and argument, see FaultForbidden, so
// kinds never change their meaning; the sentence is only for people.
type refusal struct {
	kind refusalKind
	arg  string
}

type refusalKind string

// The kinds, with their arguments. Those of a name are also those of a hard link's target, with refusedTarget before them; the
// argument is the target then.
const (
	refusedLong     refusalKind = "long"    // the name's bytes
	refusedPart     refusalKind = "part"    // the bytes of one part of the name
	refusedControl  refusalKind = "control" // without an argument, as are the next three
	refusedAbsolute refusalKind = "absolute"
	refusedParent   refusalKind = "parent"
	refusedWhiteout refusalKind = "whiteout"
	refusedSymlink  refusalKind = "symlink" // the symlink's target
	refusedOwner    refusalKind = "owner"   // no argument
	refusedOverlay  refusalKind = "overlay" // what overlayfs obeys

	refusedTarget = "target-"
)

// target is the refusal of a hard link, whose target has a name that is refused.
func (r refusal) target(name string) refusal { return refusal{refusedTarget + r.kind, name} }

// detail is the refusal as a Fault has it.
func (r refusal) detail() string {
	if r.arg == "" {
		return string(r.kind)
	}
	return string(r.kind) + " " + r.arg
}

// Error returns the sentence.
func (r refusal) Error() string {
	if kind, is := strings.CutPrefix(string(r.kind), refusedTarget); is {
		return fmt.Sprintf("it is a hard link to %.200q: %s", r.arg, refusal{refusalKind(kind), ""}.Error())
	}
	switch r.kind {
	case refusedLong:
		return fmt.Sprintf("its name has %s bytes, more than %d", cmp.Or(r.arg, "too many"), maxName)
	case refusedPart:
		return fmt.Sprintf("its name has a part of %s bytes, more than %d", cmp.Or(r.arg, "too many"), maxComponent)
	case refusedControl:
		return "its name holds control characters"
	case refusedAbsolute:
		return "its name is absolute"
	case refusedParent:
		return `its name holds ".."`
	case refusedWhiteout:
		return "its name is that of a whiteout"
	case refusedSymlink:
		return fmt.Sprintf("it is a symlink to %.200q: such a target is not possible", r.arg)
	case refusedOwner:
		return "its owner's name holds control characters"
	case refusedOverlay:
		return fmt.Sprintf("it has %q: overlayfs obeys it, which hides or deletes files of the layers below in docker and podman alone", r.arg)
	}
	return r.detail() // a later version's kind, or a sentence of an earlier one
}

// refusalOf is the refusal that a Fault's detail holds.
func refusalOf(detail string) refusal {
	kind, arg, _ := strings.Cut(detail, " ")
	return refusal{refusalKind(kind), arg}
}

// isDeletion reports whether a member's only fault is that it is a whiteout (image-spec, layer.md), or that overlayfs treats it
// like one.
func isDeletion(err error) bool {
	var r refusal
	return errors.As(err, &r) && (r.kind == refusedWhiteout || r.kind == refusedTarget+refusedWhiteout || r.kind == refusedOverlay)
}
