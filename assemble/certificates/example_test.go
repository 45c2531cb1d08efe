package certificates_test

import (
	"fmt"

	"github.com/pyimg/pyimg/assemble/certificates"
)

// A file that has no certificates is refused, and the error says what is wrong with it.
func ExampleParse() {
	_, err := certificates.Parse("team.pem", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	fmt.Println(err)
	// Output:
	// it has a private key, which must not get into an image; name a file that has certificates alone
}
