package version_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/version"
)

func ExampleSpecifiers_Contains() {
	s, _ := version.ParseSpecifiers(">=1.2, !=1.3.*")
	for _, text := range []string{"1.2.post1", "1.3.7", "v1.4-RC1"} {
		v, _ := version.Parse(text)
		fmt.Println(v, s.Contains(v))
	}
	// Output:
	// 1.2.post1 true
	// 1.3.7 false
	// 1.4rc1 true
}
