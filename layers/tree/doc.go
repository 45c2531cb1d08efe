// Package tree lays the entries of layers over each other: for each path of a root, which layer's entry a container sees there.
// New takes layers that are meant to fit and reports where they do not; NewImage takes any image's layers, with whiteouts, and
// reports what is odd. A Tree is also looked up in, with symlinks followed as Linux does within the root.
//
// It holds names and headers, and the few contents that the store keeps. It opens no layer.
package tree
