// Package image reads finished images, whatever tool made them: their contents, their sizes, the differences between two images,
// and the faults that the checks find. The caller opens the image with go-containerregistry.
package image
