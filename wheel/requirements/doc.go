// Package requirements reads pip's requirements files and selects the wheels that
// they pin.
//
// It is no resolver: a requirement must name one version, by "==" or through a
// constraint. With one --hash in the files, or --require-hashes, each requirement
// needs one, as with pip. All faults are found at once. Options that choose where
// pip looks, such as --index-url, are not heeded, with a warning: the caller says
// where wheels are, and may read them in Set.Indexes. Variables of the environment are not read.
//
// Dependencies are not looked at here: distinfo.Check does that once the METADATA of
// the wheels is there.
package requirements
