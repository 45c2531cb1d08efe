//go:build !linux

package cachedir

func wantLargePages([]byte) {}
