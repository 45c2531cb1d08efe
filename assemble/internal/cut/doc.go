// Package cut makes layers of packages: a data stream is a layer without any change where apk would unpack it so, and otherwise is
// rewritten; the smallest share a layer where there are too many. Every change has a reason.
package cut
