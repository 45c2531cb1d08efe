package lock_test

import (
	"fmt"

	"github.com/pyimg/pyimg/assemble/lock"
)

// A reason is a code with arguments: it is what a lock and an image's history hold. Its sentence is only for people.
func ExampleReason() {
	r := lock.NewReason(lock.ReasonMoved, "var/run/x", "run/x")
	fmt.Println(r)
	// Output: /var/run/x leads to /run/x
}
