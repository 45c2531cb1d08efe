package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fetch"
)

// loopbackWait is how long a connection to this machine itself may take.
const loopbackWait = 5 * time.Second

// checkLoopback connects to this machine, so that the demo without a loopback network fails at once, not after the retries of
// each of its clients.
func checkLoopback(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loopbackWait)
	defer cancel()
	if err := connectLoopback(ctx); err != nil {
		return fmt.Errorf("this machine's loopback network cannot be used, where the demo serves its mirror and its registry: %w; "+
			"allow it, or bring it up (on Linux: ip link set lo up)", &fetch.Error{URL: "http://127.0.0.1", Err: err})
	}
	return nil
}

func connectLoopback(ctx context.Context) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var dial net.Dialer
	c, err := dial.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return errors.Join(c.Close(), l.Close())
}

// startWait is how long a stand-in may run, which only prints a line.
const startWait = 10 * time.Second

// start starts the image's command in a chroot of its layers, where this machine can.
func (d *demo) start(ctx context.Context) (string, error) {
	img, err := d.ownImage(ctx)
	if err != nil || img == nil {
		return fmt.Sprintf("left out: the image is for Linux on amd64 and arm64, and this machine is %s/%s", runtime.GOOS, runtime.GOARCH), err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(d.cache, "root")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := unpack(img, root); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	args := config.Config.Cmd
	cmd := exec.CommandContext(ctx, findProgram(root, args[0], config.Config.Env), args[1:]...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = config.Config.Env, "/", inChroot(dir)
	said, err := cmd.Output()
	if forbidden(err) {
		return fmt.Sprintf("left out: this machine does not allow a chroot: %v", err), nil
	}
	if err != nil {
		return "", fmt.Errorf("running %q of %s/%s: %w", args[0], config.OS, config.Architecture, err)
	}
	return fmt.Sprintf("%s in a chroot of the layers for %s/%s prints %q", args[0], config.OS, config.Architecture, strings.TrimSpace(string(said))), nil
}

// forbidden reports whether the machine did not let the demo make a user namespace or a chroot.
func forbidden(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) // no namespace more, and none at all
}

// ownImage returns the image for this machine, nil where there is none.
func (d *demo) ownImage(ctx context.Context) (v1.Image, error) {
	for _, p := range d.lock.Platforms {
		if p.Platform.String() != runtime.GOOS+"/"+runtime.GOARCH {
			continue
		}
		index, err := d.index(ctx)
		if err != nil {
			return nil, err
		}
		h, err := v1.NewHash(p.Manifest)
		if err != nil {
			return nil, err
		}
		return index.Image(h)
	}
	return nil, nil
}

// findProgram returns the path of a program in root, as a runtime finds it with PATH.
func findProgram(root *os.Root, name string, env []string) string {
	for _, e := range env {
		list, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			found := path.Join(dir, name)
			if _, err := root.Lstat(strings.TrimPrefix(found, "/")); err == nil {
				return found
			}
		}
	}
	return path.Join("/", name)
}

// unpack puts the files of an image's layers into root. Owners and most of the modes are left out: it is to be run and removed
// by the user who runs the demo.
func unpack(img v1.Image, root *os.Root) error {
	ls, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range ls {
		r, err := l.Uncompressed()
		if err != nil {
			return err
		}
		if err := errors.Join(unpackTar(r, root), r.Close()); err != nil {
			return fmt.Errorf("unpacking the layers: %w", err)
		}
	}
	return nil
}

func unpackTar(r io.Reader, root *os.Root) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackEntry(h, t, root)
		}
		if err != nil {
			return err
		}
	}
}

func unpackEntry(h *tar.Header, content io.Reader, root *os.Root) error {
	name := path.Clean(h.Name)
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // what a lower layer has goes
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(h.Linkname), name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, h.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
