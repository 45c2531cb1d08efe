//go:build !linux

package unpack

import "errors"

func (w *writer) delete(string) error { return errNoOverlay }

func (w *writer) hide(string) error { return errNoOverlay }

func (w *writer) setAttribute(string, string, string) error { return nil }

var errNoOverlay = errors.New("this system has no overlayfs") //nolint:gochecknoglobals // an error
