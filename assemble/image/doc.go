// Package image reads finished images, whoever made them: what is in them, what weighs how much, how two of them differ,
// and what of them is not sound. An image is one of go-containerregistry's; the caller opens it.
package image
