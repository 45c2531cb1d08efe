package attest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sigstore"
)

func ExampleSign() {
	t := &testing.T{}
	ctx := context.Background()
	registry := fixture.NewRegistry()
	at, err := registry.Serve(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	l, ref := locked(t), strings.TrimPrefix(at, "http://")+"/team/app:1"
	idx, err := l.Index(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := (push.Registry{}).Push(ctx, idx, []string{ref}, push.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	k, err := sigstore.Generate()
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := attest.Sign(ctx, push.Registry{}, ref, idx, k, push.Attachments{}, push.Options{})
	fmt.Println(len(signed), err)
	from := attest.Registry{Registry: push.Registry{}, Repository: attest.Repository(ref)}
	found, err := attest.Verify(ctx, ref, idx, from, []sigstore.PublicKey{k.Public()})
	fmt.Println(len(found), found[0].Statements, err)
	// Output:
	// 3 <nil>
	// 3 [https://sigstore.dev/cosign/sign/v1] <nil>
}
