package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/sandbox"
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

// start starts the image's command in a sandbox, where this machine can.
func (d *demo) start(ctx context.Context) (string, error) {
	img, err := d.ownImage(ctx)
	if err != nil || img == nil {
		return fmt.Sprintf("left out: the image is for Linux on amd64 and arm64, and this machine is %s/%s", runtime.GOOS, runtime.GOARCH), err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", err
	}
	folders, err := container.Folders(ctx, img, d.src.Store, rootless.Owners())
	if err != nil {
		return "", fmt.Errorf("unpacking the layers: %w", err)
	}
	process, err := container.NewProcess(config.Config, folders, container.Options{})
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	exit, err := sandbox.Run(ctx, sandbox.Command{
		Lower: folders, Args: process.Args, Env: process.Env, Dir: process.Dir,
		User:   sandbox.User{UID: process.Account.UID, GID: process.Account.GID},
		Limits: sandbox.Limits{Time: startWait, Output: 1 << 20}, Stdout: &said, Stderr: &said,
	})
	name := fmt.Sprintf("%s of %s/%s", process.Args[0], config.OS, config.Architecture)
	switch start := (*sandbox.StartError)(nil); {
	case errors.As(err, &start):
		return "", fmt.Errorf("running %s: %w", name, err)
	case err != nil:
		return fmt.Sprintf("left out: %v", err), nil
	case exit.Code != 0:
		return "", fmt.Errorf("running %s: it ended with code %d: %s", name, exit.Code, &said)
	}
	return fmt.Sprintf("%s in a sandbox prints %q", name, strings.TrimSpace(said.String())), nil
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
