package auth_test

import (
	"context"
	"fmt"
	"log"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/push/auth"
)

// Login is a keychain for one registry; all others are asked of the next one, which reads the files of docker and podman.
func ExampleFind() {
	keys := auth.Login("registry.example", "me", "secret", auth.Keychain(func(string) string { return "" }))
	repo, err := name.NewRepository("registry.example/team/app")
	if err != nil {
		log.Fatal(err)
	}
	found, err := auth.Find(context.Background(), keys, repo)
	fmt.Println(found.Username, err)
	// Output: me <nil>
}
