package archive_test

import (
	"bytes"
	"fmt"

	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// Open reads the headers of a zip file. An Inflater then unpacks its members one by one.
func ExampleOpen() {
	data := wheeltest.Zip(wheeltest.File{Name: "demo.py", Data: "answer = 42\n"}, wheeltest.File{Name: "bin/run", Data: "#!/bin/sh\n", Mode: 0o755})
	a, err := archive.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		fmt.Println(err)
		return
	}
	inflater := a.Inflater()
	for _, m := range a.Members {
		text, err := inflater.Read(m, 1<<10) // no more than 1 KiB
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %t %q\n", m.Name, m.Executable(), text)
	}

	// A name that leads out of the folder is refused before anything is unpacked.
	data = wheeltest.Zip(wheeltest.File{Name: "../demo.py"})
	_, err = archive.Open(bytes.NewReader(data), int64(len(data)))
	fmt.Println(err)
	// Output:
	// demo.py false "answer = 42\n"
	// bin/run true "#!/bin/sh\n"
	// member "../demo.py": its path is not canonical: it has a part that is empty or made of dots
}
