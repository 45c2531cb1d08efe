// Package tree merges layers: for each path of the root, it finds the layer whose entry a container sees there. New
// takes layers that should fit together and reports where they do not. NewImage takes the layers of any image, with
// whiteouts, and reports oddities. Look-ups in a Tree follow symlinks as Linux does within the root.
//
// A tree has names and headers, and the few contents that the store keeps. It opens no layer.
package tree
