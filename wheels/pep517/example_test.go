package pep517_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/pep517"
)

// Check refuses a wheel that is not of the project and version that were to be built.
func ExampleJob_Check() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	var job pep517.Job
	if job.Info.Name, job.Info.Version, err = sdist.ParseFilename("demo-1.0.tar.gz"); err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range []string{"1.0", "0.0"} { // backends that find no version may say 0.0
		w := wheeltest.Wheel{Name: "demo", Version: v}
		file := filepath.Join(dir, w.Filename())
		if err := os.WriteFile(file, w.Bytes(), 0o600); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.Check(file))
	}
	// Output:
	// <nil>
	// the backend made demo-0.0-py3-none-any.whl, expected a wheel of demo 1.0
}
