package dependency_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/dependency"
)

func ExampleParseRequirement() {
	r, err := dependency.ParseRequirement("Requests[socks]>=2.8; platform_machine == 'aarch64'")
	if err != nil {
		fmt.Println(err)
		return
	}
	applies, err := r.Marker.Applies(dependency.Environment{PlatformMachine: "x86_64"})
	fmt.Println(dependency.Normalize(r.Name), r.Extras, r.Specifiers, applies, err)
	// Output: requests [socks] >=2.8 false <nil>
}
