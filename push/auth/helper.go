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
	// helperPrefix is put before the helper's name in a config file to make the name of its program.
	helperPrefix = "docker-credential-"
	// helperTime bounds the run of a helper: in CI, a helper that asks a person for input would never end.
	helperTime = 30 * time.Second
	// maxHelperOutput bounds the output of a helper. A cloud's token has a few kilobytes.
	maxHelperOutput = 256 << 10
)

// runHelper asks a credential helper for the credentials of a server. The caller adds the helper's name to the errors.
// See the protocol of docker-credential-helpers: the helper reads the server's name from stdin and writes JSON to
// stdout. It writes an error message to stdout where it does not know the server.
func runHelper(ctx context.Context, helper, server string) (authn.AuthConfig, bool, error) {
	program := helperPrefix + helper
	if strings.ContainsAny(helper, `/\`) {
		return authn.AuthConfig{}, false, errors.New("the name of a helper must not contain a slash")
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Stdin = strings.NewReader(server)
	cmd.Stdout = &bounded{w: &out, left: maxHelperOutput}
	cmd.WaitDelay = 100 * time.Millisecond // a process that the helper started may keep its output open
	if err := cmd.Run(); err != nil {
		if ctx.Err() == nil && strings.Contains(out.String(), "credentials not found") {
			return authn.AuthConfig{}, false, nil
		}
		return authn.AuthConfig{}, false, fmt.Errorf("running it for %q: %w", server, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return authn.AuthConfig{}, false, fmt.Errorf("its answer for %q is not JSON", server)
	}
	switch {
	case answer.Secret == "":
		return authn.AuthConfig{}, false, nil
	case answer.Username == "<token>": // the protocol's mark of an identity token
		return authn.AuthConfig{IdentityToken: answer.Secret}, true, nil
	}
	return authn.AuthConfig{Username: answer.Username, Password: answer.Secret}, true, nil
}

// bounded is a buffer that refuses more than maxHelperOutput bytes.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errors.New("its output is too long")
	}
	b.left -= len(p)
	return b.w.Write(p)
}
