package session

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// Registry is how registries are reached.
func (run *Session) Registry() push.Registry {
	if run.several != nil {
		return run.several.registry()
	}
	return run.aloneRegistry()
}

func (run *Session) aloneRegistry() push.Registry {
	return push.Registry{Client: remote.Client{Keychain: run.keychain(), CAFile: run.flags.String("ca-file"), InsecureHosts: run.flags.StringSlice("insecure"), Notice: run.Notice()}}
}

// CheckRefs returns what is wrong with references to push to, as wrong use. It sends nothing.
func (run *Session) CheckRefs(refs []string, o push.Options) error {
	registry := run.aloneRegistry() // the login may not be read yet
	if run.several != nil {
		registry.CAFile = "" // OpenForSeveral has checked it
	}
	if err := registry.CheckRefs(refs, o); err != nil {
		return exit.WrongUse(err)
	}
	return nil
}

// Images are where a runtime may be taken out of. Offline they are those on disk.
func (run *Session) Images() input.Images {
	if run.several != nil {
		return run.several.images()
	}
	return run.imagesOf(run.Registry())
}

func (run *Session) imagesOf(registry push.Registry) input.Images {
	images := push.Images{Registry: registry}
	if run.flags.Bool("offline") {
		return Offline{images}
	}
	return images
}

// IsOffline reports whether no host may be asked.
func (run *Session) IsOffline() bool { return run.flags.Bool("offline") }

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
	if run.several != nil {
		return run.several.notice
	}
	return run.Console.Notice(run.flags.String("progress"))
}

// Progress shows progress as --progress asks for.
func (run *Session) Progress() (progress.Reporter, error) {
	if run.several != nil {
		return unclosed{run.several.display}, nil
	}
	return run.Console.Progress(run.flags.String("progress"))
}
