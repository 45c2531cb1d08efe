package index_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// The first index of a Chain that has a project is the one that counts, even where a later index has a newer version.
func ExampleNewChain() {
	var folders []index.Index
	for _, v := range []string{"1.0", "2.0"} { // one folder for each version
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer os.RemoveAll(dir)
		w := wheeltest.Wheel{Name: "demo", Version: v}
		if err := os.WriteFile(filepath.Join(dir, w.Filename()), w.Bytes(), 0o600); err != nil {
			fmt.Println(err)
			return
		}
		f, err := index.OpenFolder(dir)
		if err != nil {
			fmt.Println(err)
			return
		}
		folders = append(folders, f)
	}
	files, found, err := index.NewChain(folders...).Project(context.Background(), "demo")
	fmt.Println(found, err)
	for _, f := range files {
		fmt.Println(f.Filename.Text)
	}
	// Output:
	// true <nil>
	// demo-1.0-py3-none-any.whl
}
