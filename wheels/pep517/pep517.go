package pep517

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/tag"
)

//go:embed driver.py
var driver []byte

//go:embed hook.py
var hook []byte

// Where the builder's root has what a build is made of.
const (
	inDir     = "/build/in"
	envDir    = "/build/env"
	targetDir = "/build/target"
)

// Epoch is SOURCE_DATE_EPOCH of all builds: 1980-01-01, the first time that zip files know.
const Epoch = 315532800

// Root is where sdists are built.
type Root struct {
	Lower  []string // folders, the lowest first; see sandbox.Command
	Mounts []sandbox.Mount
	Python string   // "/usr/local/bin/python3.13"
	Env    []string // NAME=VALUE, over the usual ones
}

// Target is another machine's Python that a build is for. The zero value: the build is for the root's own.
type Target struct {
	Folder       string // has include/python3.X, lib/python3.X with its sysconfigdata, and what more there is to link with
	Python       string // "python3.13"
	Sysconfig    string // "_sysconfigdata__linux_aarch64-linux-musl"
	HostPlatform string // "linux-aarch64"
}

// Job is one build.
type Job struct {
	Sdist    string // the file
	Info     sdist.Sdist
	Settings map[string]string
	Patches  []string
	Env      []string // NAME=VALUE, over those of the root
	Granted  []string // what its backend asks for and the environment has, see Result
	AskOnly  bool     // build nothing: Result.Requires are all that the backend asks for
	Prepared string   // the folder that Environment.Prepare filled
	Target   Target
	Limits   sandbox.Limits
	Log      io.Writer
	Notice   func(sandbox.Notice)
}

// Result is a wheel, or what the build needs in addition.
type Result struct {
	Wheel    string   // the file; "" where Requires are not there yet, or nothing was to be built
	Requires []string // what the backend asks for
}

// An Error says why an sdist was not built.
type Error struct {
	Reason string // in one line
	Limit  string // that ended it, see sandbox.Exit
}

func (e *Error) Error() string { return e.Reason }

// Run builds an sdist in a root. The wheel is written into the folder dir. The error is an *Error where the build failed; others
// are those of the sandbox.
func Run(ctx context.Context, root Root, job Job, dir string) (Result, error) {
	in, err := os.MkdirTemp(dir, "in-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(in) //nolint:errcheck // the caller removes dir
	if err := job.prepare(in); err != nil {
		return Result{}, fmt.Errorf("preparing a build: %w", err)
	}
	out, err := os.CreateTemp(dir, "out-")
	if err != nil {
		return Result{}, err
	}
	defer os.Remove(out.Name()) //nolint:errcheck // the caller removes dir
	defer out.Close()
	tail := &tail{to: job.Log}
	ended, err := sandbox.Run(ctx, job.command(root, in, out, tail))
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if err != nil {
		return Result{}, err
	}
	if ended.Limit != "" {
		return Result{}, &Error{Reason: limitReason(ended.Limit, job.Limits), Limit: ended.Limit}
	}
	return job.result(out, dir, ended, tail)
}

func limitReason(limit string, l sandbox.Limits) string {
	switch limit {
	case "time":
		return fmt.Sprintf("it took longer than limits.time, %s", l.Time)
	case "memory":
		return fmt.Sprintf("it took more memory than limits.memory allows, or this machine has to spare: %d MiB", l.Memory>>20)
	}
	return "it exceeded the limit of " + limit
}

// prepare fills the folder that the builder sees as /build/in. Everybody may read it: the sandbox is another user.
func (j Job) prepare(in string) error {
	type request struct {
		Sdist       string            `json:"sdist"`
		Folder      string            `json:"folder"`
		Backend     string            `json:"backend"`
		BackendPath []string          `json:"backend_path"`
		Settings    map[string]string `json:"settings"`
		Patches     []string          `json:"patches"`
		Granted     []string          `json:"granted"`
		AskOnly     bool              `json:"ask_only"`
		Python      string            `json:"python"`
	}
	packed := "sdist.tar.gz"
	if strings.HasSuffix(j.Sdist, ".zip") {
		packed = "sdist.zip"
	}
	r := request{path.Join(inDir, packed), j.Info.Folder, j.Info.Backend, j.Info.BackendPath, j.Settings, nil, j.Granted, j.AskOnly, envDir + "/bin/python3"}
	files := map[string]string{packed: j.Sdist}
	for i, p := range j.Patches {
		name := fmt.Sprintf("%d-%s", i, filepath.Base(p))
		files[name] = p
		r.Patches = append(r.Patches, path.Join(inDir, name))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for name, from := range files {
		if err := copyTo(filepath.Join(in, name), from); err != nil {
			return err
		}
	}
	return writeDriver(in, text)
}

// writeDriver adds the driver and what it is to do to the folder that the builder sees as /build/in.
func writeDriver(in string, request []byte) error {
	for name, data := range map[string][]byte{"request.json": request, "driver.py": driver, "hook.py": hook} {
		if err := os.WriteFile(filepath.Join(in, name), data, 0o644); err != nil {
			return err
		}
	}
	return readable(in)
}

func copyTo(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// nobody is the user that builds: without a namespace of many users it is another name for the caller's own.
const nobody = 65534

func (j Job) command(root Root, in string, stdout, stderr io.Writer) sandbox.Command {
	mounts := append(slices.Clone(root.Mounts), sandbox.Mount{Source: in, Target: inDir}, sandbox.Mount{Source: filepath.Join(j.Prepared, envPart), Target: envDir})
	if j.Target.Folder != "" {
		mounts = append(mounts, sandbox.Mount{Source: j.Target.Folder, Target: targetDir})
	}
	lower := slices.Clone(root.Lower)
	if over := filepath.Join(j.Prepared, rootPart); isFolder(over) {
		lower = append(lower, over)
	}
	return sandbox.Command{
		Lower: lower, Args: []string{root.Python, "-I", "-S", "-B", inDir + "/driver.py"}, Env: j.environment(root),
		User: sandbox.User{UID: nobody, GID: nobody}, Mounts: mounts, Limits: j.Limits, Stdout: stdout, Stderr: stderr, Notice: j.Notice, ReadOnly: true,
	}
}

// environment is all that a build can see of the variables: nothing of the caller's.
func (j Job) environment(root Root) []string {
	env := []string{
		"PATH=" + envDir + "/bin:" + path.Dir(root.Python) + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/tmp/home", "TMPDIR=/tmp",
		"LANG=C.UTF-8", "TZ=UTC", "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", Epoch),
		"PIP_NO_INDEX=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "VIRTUAL_ENV=" + envDir,
	}
	if t := j.Target; t.Folder != "" {
		include := "-I" + path.Join(targetDir, "include", t.Python)
		if t.has("usr/include") { // of packages that it needs
			include += " -I" + targetDir + "/usr/include"
		}
		env = append(env, "_PYTHON_HOST_PLATFORM="+t.HostPlatform, "_PYTHON_SYSCONFIGDATA_NAME="+t.Sysconfig,
			"PYTHONPATH="+path.Join(targetDir, "lib", t.Python), "CPPFLAGS="+include, "CFLAGS="+include, "CXXFLAGS="+include)
		if t.has("usr/include") {
			env = append(env, "LDFLAGS=-L"+targetDir+"/usr/lib", "PKG_CONFIG_LIBDIR="+targetDir+"/usr/lib/pkgconfig", "PKG_CONFIG_SYSROOT_DIR="+targetDir)
		}
	}
	return mergeEnv(mergeEnv(env, root.Env), j.Env)
}

func isFolder(at string) bool {
	info, err := os.Stat(at)
	return err == nil && info.IsDir()
}

func (t Target) has(at string) bool {
	_, err := os.Stat(filepath.Join(t.Folder, filepath.FromSlash(at)))
	return err == nil
}

// mergeEnv sets variables over others. Flags of a compiler are added to those that are there.
func mergeEnv(env, over []string) []string {
	env = slices.Clone(env)
	for _, v := range over {
		name, value, _ := strings.Cut(v, "=")
		at := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		switch {
		case at < 0:
			env = append(env, v)
		case name == "CFLAGS" || name == "CPPFLAGS" || name == "CXXFLAGS" || name == "LDFLAGS":
			env[at] += " " + value
		default:
			env[at] = v
		}
	}
	return env
}

// The bounds of an answer: a list of requirements, and a wheel.
const (
	maxHeader = 1 << 20
	maxAnswer = 8 << 30
)

// result reads what the driver wrote.
func (j Job) result(out *os.File, dir string, ended sandbox.Exit, tail *tail) (Result, error) {
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return Result{}, err
	}
	r := bufio.NewReaderSize(out, 64<<10)
	header, err := io.ReadAll(io.LimitReader(lineOf(r), maxHeader))
	if err != nil {
		return Result{}, err
	}
	var answer struct {
		Wheel    string   `json:"wheel"`
		Size     int64    `json:"size"`
		Requires []string `json:"requires"`
		Error    string   `json:"error"`
	}
	switch err := json.Unmarshal(header, &answer); {
	case err != nil:
		return Result{}, &Error{Reason: tail.reason(fmt.Sprintf("the build ended with code %d", ended.Code))}
	case answer.Error != "":
		return Result{}, &Error{Reason: tail.reason(answer.Error)}
	case answer.Wheel == "":
		return Result{Requires: answer.Requires}, nil
	}
	// A backend may write an answer of its own. The name of a wheel is no path, and none of the names that this folder has.
	if _, err := tag.ParseFilename(answer.Wheel); err != nil || answer.Size <= 0 || answer.Size > maxAnswer {
		return Result{}, &Error{Reason: fmt.Sprintf("the backend made the wheel %.100q of %d bytes, which is no name of a wheel, or no size", answer.Wheel, answer.Size)}
	}
	at := filepath.Join(dir, answer.Wheel)
	if err := writeWheel(at, r, answer.Size); err != nil {
		return Result{}, err
	}
	return Result{Wheel: at, Requires: answer.Requires}, j.Check(at)
}

func writeWheel(at string, r io.Reader, size int64) error {
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, size))
	if err == nil && n != size {
		err = &Error{Reason: fmt.Sprintf("the builder sent %d bytes of a wheel that has %d", n, size)}
	}
	return errors.Join(err, f.Close())
}

// Check refuses a wheel that is not of the sdist's project and version.
func (j Job) Check(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w, err := wheel.Open(f, info.Size(), filepath.Base(file))
	if err != nil {
		return &Error{Reason: err.Error()}
	}
	if w.Filename.Name != j.Info.Name || w.Filename.Version.Compare(j.Info.Version) != 0 {
		return &Error{Reason: fmt.Sprintf("the backend made %s, expected a wheel of %s %s", w.Filename.Text, j.Info.Name, j.Info.Version)}
	}
	return nil
}

// lineOf reads up to the end of a line.
func lineOf(r *bufio.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n := 0
		for n < len(p) {
			c, err := r.ReadByte()
			if err != nil {
				return n, err
			}
			if c == '\n' {
				return n, io.EOF
			}
			p[n] = c
			n++
		}
		return n, nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
