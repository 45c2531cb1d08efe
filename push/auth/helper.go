package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

const (
	// helperPrefix comes before the name that a config file gives to a helper.
	helperPrefix = "docker-credential-"
	// helperTime bounds a helper; one that asks a person would wait for ever in CI.
	helperTime = 30 * time.Second
	// maxHelperOutput bounds what a helper says; tokens of clouds have a few kilobytes.
	maxHelperOutput = 256 << 10
)

// runHelper asks a credential helper for a server. Its errors leave the helper's name to the caller. See the protocol of docker-credential-helpers: the server comes on
// stdin, the answer is JSON on stdout, and an unknown server is an error message on stdout.
func runHelper(ctx context.Context, helper, server string) (authn.AuthConfig, bool, error) {
	program := helperPrefix + helper
	if strings.ContainsAny(helper, `/\`) {
		return authn.AuthConfig{}, false, errors.New("the name of a helper has no slashes")
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Stdin = strings.NewReader(server)
	cmd.Stdout = &bounded{w: &out, left: maxHelperOutput}
	cmd.WaitDelay = 100 * time.Millisecond // for what the helper itself left running
	if err := cmd.Run(); err != nil {
		if ctx.Err() == nil && strings.Contains(out.String(), "credentials not found") {
			return authn.AuthConfig{}, false, nil
		}
		return authn.AuthConfig{}, false, fmt.Errorf("running it for %q: %w", server, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return authn.AuthConfig{}, false, fmt.Errorf("it did not answer with JSON for %q", server)
	}
	switch {
	case answer.Secret == "":
		return authn.AuthConfig{}, false, nil
	case answer.Username == "<token>": // by the protocol: the secret is an identity token
		return authn.AuthConfig{IdentityToken: answer.Secret}, true, nil
	}
	return authn.AuthConfig{Username: answer.Username, Password: answer.Secret}, true, nil
}

// bounded refuses to write more than was agreed.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errors.New("it says too much")
	}
	b.left -= len(p)
	return b.w.Write(p)
}
