package sdist_test

import (
	"bytes"
	"fmt"

	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// Read finds out which project and version an sdist is, and what its build needs. It runs nothing of it.
func ExampleRead() {
	data := wheeltest.Zip( // most sdists are .tar.gz; old ones may be zip files
		wheeltest.File{Name: "Demo-1.0/PKG-INFO", Data: "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\nRequires-Python: >=3.8\n"},
		wheeltest.File{Name: "Demo-1.0/pyproject.toml", Data: "[build-system]\nrequires = [\"flit_core<4\"]\nbuild-backend = \"flit_core.buildapi\"\n"},
	)
	s, err := sdist.Read(bytes.NewReader(data), int64(len(data)), "Demo-1.0.zip")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Name, s.Version, s.RequiresPython)
	fmt.Println(s.Backend, s.Requires)
	// Output:
	// demo 1.0 >=3.8
	// flit_core.buildapi [flit_core<4]
}
