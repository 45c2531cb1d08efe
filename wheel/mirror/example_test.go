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
	one, err := mirror.Folder("https://one.example/simple/", servers)
	if err != nil {
		fmt.Println(err)
		return
	}
	two, err := mirror.Folder("https://two.example/simple/", servers)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := mirror.New([]mirror.Server{one, two}, mirror.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	files, found, err := m.Project(context.Background(), "demo")
	fmt.Println(len(files), found, err)
	// Output: 2 true <nil>
}
