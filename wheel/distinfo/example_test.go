package distinfo_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

func ExampleCheck() {
	app, err := distinfo.ParseMetadata([]byte("Name: app\nVersion: 1.0\nRequires-Dist: web>=2\nRequires-Dist: gone\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	web, err := distinfo.ParseMetadata([]byte("Name: web\nVersion: 1.9\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	unmet, err := distinfo.Check([]distinfo.Metadata{app, web}, dependency.Environment{}, nil)
	for _, u := range unmet {
		fmt.Println(u)
	}
	fmt.Println(err)
	// Output:
	// app 1.0 requires gone, which is not there
	// app 1.0 requires web>=2, but 1.9 is there
	// <nil>
}
