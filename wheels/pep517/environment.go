package pep517

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/target"
)

// Install makes a virtual environment of wheels in a folder that does not exist yet: as "python3 -m venv" and pip would, but
// nothing runs. python is the interpreter in the builder's root; t is its target.
func Install(ctx context.Context, dir, python string, t target.Target, wheels []string) error {
	name := path.Base(python)
	scheme := install.NewScheme(strings.TrimPrefix(envDir, "/"), name)
	options := install.Options{Scheme: scheme, Interpreter: envDir + "/bin/" + name, Target: t}
	if err := makeVenv(dir, python, scheme); err != nil {
		return fmt.Errorf("making the build's environment: %w", err)
	}
	opened := make([]environmentWheel, 0, len(wheels))
	defer func() {
		for _, w := range opened {
			_ = w.file.Close() // it was read
		}
	}()
	plans := make([]install.Plan, len(wheels))
	for i, at := range wheels {
		w, err := openWheel(at)
		if err != nil {
			return err
		}
		opened = append(opened, w)
		sums, err := w.Verify(ctx, nil)
		if err != nil {
			return err
		}
		if plans[i], err = install.New(w.Wheel, sums, options); err != nil {
			return err
		}
	}
	merged, err := install.Merge(plans, nil)
	if err != nil {
		return err
	}
	for _, plan := range merged {
		for _, w := range opened {
			if w.Filename.Text != plan.Wheel {
				continue
			}
			if err := w.extract(dir, plan); err != nil {
				return err
			}
		}
	}
	return readable(dir)
}

// readable lets the sandbox's user read a folder, whatever the umask is.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		if mode == info.Mode().Perm() {
			return nil
		}
		return os.Chmod(at, mode)
	})
}

// makeVenv writes what makes a folder a virtual environment, see PEP 405.
func makeVenv(dir, python string, scheme install.Scheme) error {
	inside := func(at string) string {
		return filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(at, strings.TrimPrefix(envDir, "/")+"/")))
	}
	for _, d := range []string{inside(scheme.Purelib), filepath.Join(dir, "bin")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("home = %s\ninclude-system-site-packages = false\n", path.Dir(python))
	if err := os.WriteFile(filepath.Join(dir, "pyvenv.cfg"), []byte(text), 0o644); err != nil {
		return err
	}
	for _, name := range []string{"python", "python3", path.Base(python)} {
		if err := os.Symlink(python, filepath.Join(dir, "bin", name)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

type environmentWheel struct {
	*wheel.Wheel
	file *os.File
}

func openWheel(at string) (environmentWheel, error) {
	f, err := os.Open(at)
	if err != nil {
		return environmentWheel{}, err
	}
	info, err := f.Stat()
	if err == nil {
		var w *wheel.Wheel
		if w, err = wheel.Open(f, info.Size(), filepath.Base(at)); err == nil {
			return environmentWheel{w, f}, nil
		}
	}
	_ = f.Close() // it was read
	return environmentWheel{}, err
}

// extract writes the files of a plan.
func (w environmentWheel) extract(dir string, plan install.Plan) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	inflater := w.Archive.Inflater()
	for _, f := range plan.Files {
		at, inside := strings.CutPrefix(f.Path, strings.TrimPrefix(envDir, "/")+"/")
		if !inside {
			return fmt.Errorf("installing %s: %s is outside of the environment", plan.Wheel, f.Path)
		}
		if err := root.MkdirAll(path.Dir(at), 0o755); err != nil {
			return err
		}
		if err := extractFile(root, at, f, inflater); err != nil {
			return fmt.Errorf("installing %s: %w", plan.Wheel, err)
		}
	}
	return nil
}

func extractFile(root *os.Root, at string, f install.File, inflater *archive.Inflater) error {
	out, err := root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode.Perm())
	if err != nil {
		return err
	}
	if f.Member == nil {
		_, err = out.Write(f.Data)
	} else {
		err = inflater.Copy(out, *f.Member)
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil { // bytecode names the time of what it was compiled of
		err = root.Chtimes(at, time.Unix(Epoch, 0), time.Unix(Epoch, 0))
	}
	return err
}
