// Package rootless does as an ordinary user what else needs root: it unpacks layers with their owners, and runs the Python of images
// that are being made.
package rootless

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/layers/unpack"
)

// The work that this program does as root of a user namespace, where files of an image belong to several users.
const (
	unpackJob = "unpack"
	removeJob = "remove"
)

// Owners says whom the files of an unpacked image belong to: as root, to numbers that no account has; for a user with a
// range in /etc/subuid, to numbers of that; else to the caller.
func Owners() container.Owners {
	if name, ok := sandbox.NeedsJobs(); ok {
		return container.Owners{Name: name, Unpack: unpackAsRoot}
	}
	owner, name := sandbox.Owners()
	return container.Owners{Name: name, Map: owner}
}

// Jobs is the work that this program does as root of a user namespace, for [sandbox.Main].
func Jobs() []sandbox.Job {
	return []sandbox.Job{
		{Name: unpackJob, Do: doUnpack},
		{Name: removeJob, Do: func(args []string) error { return errors.Join(removeAll(args)...) }},
	}
}

func removeAll(dirs []string) (errs []error) {
	for _, dir := range dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errs
}

// Remove removes a folder that an image's users own.
func Remove(ctx context.Context, dir string) error {
	return sandbox.RunJob(ctx, removeJob, []string{dir}, nil, nil)
}

const (
	lowerKnown  = "lower"       // before the layers below, of which there may be none, in the arguments of the job that unpacks
	lowerNeeded = "needs lower" // its output where they are to be known
)

// unpackAsRoot is [unpack.Layer] in a process that may give files to the image's users.
func unpackAsRoot(ctx context.Context, archive io.Reader, dir string, lower []string) (int64, error) {
	args := []string{dir}
	if lower != nil {
		args = append(append(args, lowerKnown), lower...)
	}
	var size bytes.Buffer
	err := sandbox.RunJob(ctx, unpackJob, args, archive, &size)
	switch {
	case err != nil:
		return 0, err
	case size.String() == lowerNeeded:
		return 0, unpack.ErrNeedsLower
	}
	return strconv.ParseInt(size.String(), 10, 64)
}

// doUnpack unpacks the layer that stdin is and prints its size. It removes what it wrote where it fails: its caller may not.
func doUnpack(args []string) error {
	dir, lower := args[0], args[1:]
	if len(lower) > 0 && lower[0] == lowerKnown {
		lower = lower[1:]
	} else {
		lower = nil
	}
	owner := func(id int) (int, bool) { return id, sandbox.Mapped(id) }
	size, err := unpack.Layer(os.Stdin, dir, unpack.Options{Owner: owner, Lower: lower})
	answer := strconv.FormatInt(size, 10)
	if err != nil {
		removed := os.RemoveAll(dir)
		if !errors.Is(err, unpack.ErrNeedsLower) {
			return errors.Join(err, removed)
		}
		answer = lowerNeeded
	}
	_, err = fmt.Print(answer)
	return err
}
