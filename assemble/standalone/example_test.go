package standalone_test

import (
	"fmt"
	"log"

	"github.com/pyimg/pyimg/assemble/standalone"
)

// A release's list of SHA-256 sums says which of its builds there are for a machine.
func Example() {
	r, err := standalone.Parse("3.13@20250612")
	if err != nil {
		log.Fatal(err)
	}
	const sum = "0000000000000000000000000000000000000000000000000000000000000000"
	file, _, err := r.Choose([]byte(sum+"  cpython-3.13.4+20250612-x86_64-unknown-linux-musl-install_only_stripped.tar.gz\n"+
		sum+"  cpython-3.13.5+20250612-x86_64-unknown-linux-musl-install_only_stripped.tar.gz\n"), r.Tag, "x86_64-unknown-linux-musl")
	fmt.Println(file, err)
	// Output: cpython-3.13.5+20250612-x86_64-unknown-linux-musl-install_only_stripped.tar.gz <nil>
}
