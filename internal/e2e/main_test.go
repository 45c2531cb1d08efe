package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaryVar names the pyimg under test; TestMain builds one where it is unset.
const binaryVar = "PYIMG_E2E_BINARY"

// dirVar names the folder that TestMain makes for all tests, and removes in the end.
const dirVar = "PYIMG_E2E_DIR"

func TestMain(m *testing.M) {
	code, err := runWithBinary(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runWithBinary runs the tests with a pyimg built once for all of them, in a
// folder that ordinary users can reach. Nothing is built where every test
// would skip.
func runWithBinary(m *testing.M) (code int, err error) {
	_, missing := findShared()
	if os.Getenv(binaryVar) != "" || missing != nil || !wanted() || raceDetector() {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "pyimg-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	binary := filepath.Join(dir, "pyimg")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/pyimg/pyimg/cmd/pyimg") //nolint:noctx // TestMain has no context
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building pyimg: %w\n%s", err, out)
	}
	if err := os.Setenv(binaryVar, binary); err != nil {
		return 0, err
	}
	if err := os.Setenv(dirVar, dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// findShared finds the folder of real packages, runtimes and recorded answers:
// PYIMG_SHARED, or the nearest folder named shared that is next to a parent of
// the working directory.
func findShared() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	candidates := []string{os.Getenv("PYIMG_SHARED")}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidates = append(candidates, filepath.Join(filepath.Dir(dir), "shared"))
	}
	for _, c := range candidates {
		if _, err := os.Stat(filepath.Join(c, "alpine-mirror", "reference")); c != "" && err == nil {
			return c, nil
		}
	}
	return "", fmt.Errorf("folder shared (or PYIMG_SHARED) with the recorded answers: %w", fs.ErrNotExist)
}
