//go:build !linux

package unpack

import (
	"errors"
	"io/fs"
	"os"
)

func (w *writer) delete(string) error { return errNoOverlay }

func (w *writer) hide(string) error { return errNoOverlay }

func (w *writer) setAttribute(string, string, string) error { return nil }

func (w *writer) borrow(*os.Root, string, string) error { return errNoOverlay }

func isOpaque(*os.Root, string) bool { return false }

func ownerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }

var errNoOverlay = errors.New("this system has no overlayfs") //nolint:gochecknoglobals // an error
