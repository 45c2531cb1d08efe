package pep517

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheel/target"
)

// The parts of a prepared environment.
const (
	envPart  = "env"  // what /build/env shows
	rootPart = "root" // bytecode of the Python's own modules, which is added to the root
)

// Environment is what many builds have in common: their build requirements and their backend.
type Environment struct {
	Target  target.Target // of the root's Python
	Wheels  []string      // files
	Backend string        // that of the builds, "setuptools.build_meta"; one that sdists bring themselves is ""
	Limits  sandbox.Limits
	Notice  func(sandbox.Notice)
}

// InstallError is why an environment cannot be made of its wheels.
type InstallError struct{ Err error }

func (e *InstallError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *InstallError) Unwrap() error { return e.Err }

// The bounds of compiling an environment; without its bytecode builds only take longer.
const (
	maxBytecode      = 64 << 20 // bytes
	maxBytecodeFiles = 20_000
	bytecodeTime     = 5 * time.Minute
)

// Prepare fills an empty folder with a virtual environment and with the bytecode of what builds import of it and of Python, which
// takes most of the time of a small build. It runs the backend on a project of nothing but a name, so no build has left anything in it.
// Prepare writes temporary files to work. It returns the size of the environment in bytes.
func (e Environment) Prepare(ctx context.Context, root Root, dir, work string) (size int64, err error) {
	if err := Install(ctx, filepath.Join(dir, envPart), root.Python, e.Target, e.Wheels); err != nil {
		return 0, &InstallError{err}
	}
	in, err := os.MkdirTemp(work, "in-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(in) //nolint:errcheck // the caller removes work
	request := map[string]any{"bytecode": true, "backend": e.Backend, "python": envDir + "/bin/python3"}
	if e.Backend == "" {
		request["backend"] = "setuptools.build_meta" // most of those that sdists bring call it
	}
	text, err := json.Marshal(request)
	if err != nil {
		return 0, err
	}
	if err := writeDriver(in, text); err != nil {
		return 0, fmt.Errorf("preparing a build's environment: %w", err)
	}
	packed, err := os.CreateTemp(work, "bytecode-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(packed.Name()) //nolint:errcheck // the caller removes work
	defer packed.Close()
	job := Job{Prepared: dir, Limits: e.Limits, Notice: e.Notice}
	// What is kept for all builds does not depend on the time that one of them may take.
	job.Limits.Output, job.Limits.Time = maxBytecode, bytecodeTime
	root.Env = nil // it is the same for all machines that are compiled for
	ended, err := sandbox.Run(ctx, job.command(root, in, packed, io.Discard))
	if err = errors.Join(err, ctx.Err()); err != nil {
		return 0, err
	}
	if ended.Limit == "" && ended.Code == 0 {
		if _, err := packed.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		libraries := path.Join(path.Dir(path.Dir(root.Python)), "lib")
		if !isPlain(root.Lower, libraries) {
			libraries = ""
		}
		if err := unpackBytecode(dir, libraries, packed); err != nil {
			return 0, fmt.Errorf("writing the bytecode of a build's environment: %w", err)
		}
	}
	if err := readable(dir); err != nil {
		return 0, err
	}
	return sizeOf(dir)
}

// isPlain reports whether a folder of the root is below no symlink, which a folder of the same path would hide.
func isPlain(lower []string, at string) bool {
	for ; at != "/" && at != "."; at = path.Dir(at) {
		for _, dir := range lower {
			if info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(at))); err == nil && !info.IsDir() {
				return false
			}
		}
	}
	return true
}

// unpackBytecode writes the .pyc files of a tar, those of the environment and those below libraries, the folder of Python's libraries; ""
// leaves these out. The tar is from the builder's root: what else it has and what cannot be written by its name is left out, and its end is
// where it is no tar any more.
func unpackBytecode(dir, libraries string, r io.Reader) error {
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	t, left := tar.NewReader(r), int64(maxBytecode)
	for range maxBytecodeFiles {
		h, err := t.Next()
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		at := path.Join("/", h.Name)
		if h.Typeflag != tar.TypeReg || path.Ext(at) != ".pyc" || path.Base(path.Dir(at)) != "__pycache__" {
			continue
		}
		switch below, inside := strings.CutPrefix(at, envDir+"/"); {
		case inside:
			at = path.Join(envPart, below)
		case libraries != "" && strings.HasPrefix(at, libraries+"/"):
			at = path.Join(rootPart, at)
		default:
			continue
		}
		if left -= h.Size; left < 0 { // a sparse file may be larger than the tar
			return nil
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if err = to.MkdirAll(path.Dir(at), 0o755); err == nil {
			err = to.WriteFile(at, data, 0o644)
		}
		if noSpace := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT); noSpace {
			return err
		}
	}
	return nil
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
