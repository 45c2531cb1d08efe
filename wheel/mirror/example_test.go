package mirror_test

import (
	"context"
	"fmt"

	"github.com/pyimg/pyimg/wheel/mirror"
)

// An index whose first server is down is read from the second one.
func ExampleIndex_Project() {
	servers := servers{
		"https://one.example/manifest.json": "down",
		"https://two.example/manifest.json": manifest("demo", 1, 2),
	}
	m, err := mirror.New([]string{"https://one.example/simple/", "https://two.example/simple/"}, servers, mirror.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	files, found, err := m.Project(context.Background(), "demo")
	fmt.Println(len(files), found, err)
	// Output: 2 true <nil>
}
