package session

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

func (run *Session) Registry() push.Registry {
	return push.Registry{Client: remote.Client{Keychain: run.keychain(), CAFile: run.flags.String("ca-file"), InsecureHosts: run.flags.StringSlice("insecure"), Notice: run.Notice()}}
}

// Images are where a runtime may be taken out of. Offline they are those on disk.
func (run *Session) Images() input.Images {
	images := push.Images{Registry: run.Registry()}
	if run.flags.Bool("offline") {
		return Offline{images}
	}
	return images
}

// Offline is images of which none is in a registry.
type Offline struct{ push.Images }

func (o Offline) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	if _, ok := push.OnDisk(ref); !ok {
		return nil, fmt.Errorf("reading image %q: no host is asked with --offline", ref)
	}
	return o.Images.Image(ctx, ref, platform)
}

// Notice says on stderr what is waited for, as --progress asks for.
func (run *Session) Notice() func(host string, cause error, wait time.Duration) {
	return run.Console.Notice(run.flags.String("progress"))
}

// Progress shows progress as --progress asks for.
func (run *Session) Progress() (progress.Reporter, error) {
	return run.Console.Progress(run.flags.String("progress"))
}
