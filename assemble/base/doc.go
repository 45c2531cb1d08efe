// Package base reads an image that another one is built on, whatever tool made it: its layers, which are kept as they are, its
// configuration, the merged root, and what apk and Python there are in it. It reads each layer once; the store keeps what is
// known of it.
package base
