package install_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func ExampleNew() {
	made := wheeltest.Wheel{Name: "demo", Files: []wheeltest.File{{Name: "demo.py", Data: "def main(): pass\n"}}, EntryPoints: "[console_scripts]\ndemo = demo:main\n"}
	data := made.Bytes()
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), made.Filename())
	if err != nil {
		fmt.Println(err)
		return
	}
	sums, err := w.Verify(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	python, err := target.New("linux/amd64", target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: "x86_64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := install.New(w, sums, install.Options{Scheme: install.NewScheme("/usr/local", "python3.13"), Interpreter: "/usr/local/bin/python3.13", Target: python})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range plan.Files {
		fmt.Println(f.Mode, f.Path, f.Member != nil)
	}
	// Output:
	// -rwxr-xr-x usr/local/bin/demo false
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo-1.0.dist-info/INSTALLER false
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo-1.0.dist-info/METADATA true
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo-1.0.dist-info/RECORD false
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo-1.0.dist-info/WHEEL true
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo-1.0.dist-info/entry_points.txt true
	// -rw-r--r-- usr/local/lib/python3.13/site-packages/demo.py true
}
