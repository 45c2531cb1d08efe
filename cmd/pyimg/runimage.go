package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/host"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
)

// exitNotRun is the exit code of "run" where pyimg itself failed, as docker has it.
const exitNotRun exit.Code = 125

func runImageCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "run",
		Usage:     "run an image's command without root, a daemon or a container engine",
		ArgsUsage: "IMAGE|SPEC [CMD...]",
		Description: "IMAGE is a reference, layout or archive; a SPEC (FILE.yaml) is assembled for this\n" +
			"machine first, and nothing is written but the cache. The command sees the image, the\n" +
			"mounts and, by default, the host's network. What it writes is in memory and gone\n" +
			"afterwards. Flags come before IMAGE; what follows it is the command's.\n\n" +
			"Exit code: the command's own; 125 where pyimg failed, 126 where the command cannot be\n" +
			"run, 127 where it is not there, 128+N where signal N ended it.\n\n" +
			"Example: pyimg run pyimg.yaml python3 -c 'import sys; print(sys.version)'\n" +
			"         pyimg run --network none --mount ./data:/data image/:latest",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.StringSliceFlag{Name: "mount", Usage: "`HOST:PATH[:rw]` show a file or folder in the image, read-only unless rw is said"},
			&cli.StringSliceFlag{Name: "env", Usage: "`NAME[=VALUE]` set a variable over the image's; without a value it has this shell's"},
			&cli.StringFlag{Name: "user", Usage: "`USER[:GROUP]` run as this user, by name or number"},
			&cli.StringFlag{Name: "workdir", Usage: "`DIR` start in this folder of the image"},
			&cli.StringFlag{Name: "entrypoint", Usage: "`PROGRAM` run this instead of the image's entrypoint; CMD are its arguments"},
			&cli.StringFlag{Name: "network", Value: "host", Usage: "`NAME` host, or none, which has a loopback interface alone"},
			&cli.BoolFlag{Name: "read-only", Usage: "let only /tmp, /dev/shm and mounts with rw be written to"},
			&cli.StringFlag{Name: "memory", Usage: "`SIZE` end the command where its processes and what it wrote take more", DefaultText: "half of what is free"},
			&cli.StringFlag{Name: "disk", Usage: "`SIZE` let it write no more to the root, and to /tmp", DefaultText: "a quarter of the free memory"},
			&cli.IntFlag{Name: "processes", Value: defaultProcesses, Usage: "`N` end the command where it has so many processes and threads"},
			&cli.DurationFlag{Name: "timeout", Usage: "`DURATION` end the command after this time, such as 90s", DefaultText: "never"},
			&cli.StringFlag{Name: "isolation", Value: "auto", Usage: "`KIND` auto, namespaces, or chroot, which is for root and isolates less"},
			&cli.StringFlag{Name: "qemu", Usage: "`PROGRAM` run another machine's image with this static emulator, such as qemu-aarch64-static"},
			&cli.StringFlag{Name: "lock", Usage: "`FILE` take this lock of a spec, instead of the one next to it"},
			&cli.BoolFlag{Name: "locked", Usage: "demand the lock of a spec"},
			&cli.BoolFlag{Name: "no-lock", Usage: "ignore the lock of a spec"},
			&cli.BoolFlag{Name: "verbose", Usage: "say how the command is isolated"},
			flags.Progress()),
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			err := runImage(ctx, run, c)
			if ran := (*exit.RanError)(nil); err == nil || errors.As(err, &ran) {
				return err
			}
			return &exit.RanError{Program: exitNotRun, Err: err}
		}),
	})
}

// defaultProcesses is far above what a service needs, and far below what makes a machine unusable.
const defaultProcesses = 4096

func runImage(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() == 0 {
		return exit.Usagef("run takes an image or a spec; see \"pyimg run --help\"")
	}
	cmd, err := runFlags(c)
	if err != nil {
		return err
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	platform, err := runPlatform(c)
	if err != nil {
		return err
	}
	store, err := run.Store()
	if err != nil {
		return err
	}
	img, err := run.Runnable(ctx, c.Args().First(), platform)
	if err != nil {
		return err
	}
	if err := prepareRun(ctx, run, c, &cmd, img, store); err != nil {
		return err
	}
	return runSandboxed(ctx, run, c, cmd)
}

// runPlatform is the platform to run; the host's own where none is asked for.
func runPlatform(c *cli.Context) (spec.Platform, error) {
	only, err := flags.Platforms(c)
	switch {
	case err != nil:
		return spec.Platform{}, err
	case len(only) > 1:
		return spec.Platform{}, exit.Usagef("run takes one platform, found %s", termtext.Count(len(only), "platform"))
	case len(only) == 1:
		return only[0], nil
	}
	return spec.ParsePlatform(host.Platform())
}

// runFlags is what the flags say of the sandbox.
func runFlags(c *cli.Context) (sandbox.Command, error) {
	cmd := sandbox.Command{ReadOnly: c.Bool("read-only"), Emulator: c.String("qemu")}
	for _, m := range c.StringSlice("mount") {
		mount, err := parseMount(m)
		if err != nil {
			return cmd, exit.Usagef("--mount: %w", err)
		}
		cmd.Mounts = append(cmd.Mounts, mount)
	}
	networks := map[string]sandbox.Network{"host": sandbox.NetworkHost, "none": sandbox.NetworkNone}
	isolations := map[string]sandbox.Isolation{"auto": sandbox.IsolationAuto, "namespaces": sandbox.IsolationNamespaces, "chroot": sandbox.IsolationChroot}
	var known bool
	if cmd.Network, known = networks[c.String("network")]; !known {
		return cmd, exit.Usagef("--network %q: expected host or none", c.String("network"))
	}
	if cmd.Isolation, known = isolations[c.String("isolation")]; !known {
		return cmd, exit.Usagef("--isolation %q: expected auto, namespaces or chroot", c.String("isolation"))
	}
	if c.Duration("timeout") < 0 || c.Int("processes") < 1 {
		return cmd, exit.Usagef("--timeout and --processes are numbers above 0")
	}
	cmd.Limits = sandbox.Limits{Time: c.Duration("timeout"), Processes: c.Int("processes")}
	memory := host.FreeMemory()
	var err error
	if cmd.Limits.Memory, err = sizeFlag(c, "memory", memory/2); err != nil {
		return cmd, err
	}
	cmd.Limits.Disk, err = sizeFlag(c, "disk", memory/4)
	return cmd, err
}

func sizeFlag(c *cli.Context, name string, otherwise int64) (int64, error) {
	if !c.IsSet(name) {
		return otherwise, nil
	}
	size, err := flags.Size(c.String(name))
	if err == nil && size <= 0 {
		err = errors.New("expected more than 0 bytes")
	}
	if err != nil {
		return 0, exit.Usagef("--%s: %w", name, err)
	}
	return size, nil
}

// parseMount reads HOST:PATH[:rw|:ro].
func parseMount(text string) (sandbox.Mount, error) {
	m := sandbox.Mount{}
	rest := text
	if r, ok := strings.CutSuffix(rest, ":rw"); ok {
		rest, m.Writable = r, true
	} else {
		rest = strings.TrimSuffix(rest, ":ro")
	}
	at := strings.LastIndex(rest, ":")
	if at <= 0 || !strings.HasPrefix(rest[at+1:], "/") {
		return m, fmt.Errorf("%q: expected HOST:PATH or HOST:PATH:rw, PATH from the image's root", text)
	}
	source, err := filepath.Abs(rest[:at])
	if err != nil {
		return m, err
	}
	if _, err := os.Stat(source); err != nil {
		return m, err
	}
	m.Source, m.Target = source, rest[at+1:]
	return m, nil
}

// prepareRun unpacks the image and works out what is to be started.
func prepareRun(ctx context.Context, run *session.Session, c *cli.Context, cmd *sandbox.Command, img v1.Image, store *layers.Store) error {
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if cmd.Emulator != "" {
		if cmd.Emulator, err = filepath.Abs(cmd.Emulator); err != nil {
			return err
		}
		cmd.EmulatorFor = qemuMachine(config.Architecture)
	}
	if cmd.Lower, err = container.Folders(ctx, img, store, rootless.Owners()); err != nil {
		return fmt.Errorf("unpacking the image: %w", err)
	}
	options := container.Options{Args: c.Args().Tail(), User: c.String("user"), Dir: c.String("workdir")}
	if c.IsSet("entrypoint") {
		entrypoint := c.String("entrypoint")
		options.Entrypoint = &entrypoint
	}
	if options.Env, err = runEnv(run, c); err != nil {
		return err
	}
	process, err := container.NewProcess(config.Config, cmd.Lower, options)
	if err != nil {
		return err
	}
	cmd.Args, cmd.Env, cmd.Dir = process.Args, process.Env, process.Dir
	cmd.User = sandbox.User{UID: process.Account.UID, GID: process.Account.GID, Groups: process.Account.Groups}
	return nil
}

// qemuMachine is qemu's name for an architecture of an image.
func qemuMachine(architecture string) string {
	names := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "loong64": "loongarch64"}
	if name, ok := names[architecture]; ok {
		return name
	}
	return architecture
}

func runEnv(run *session.Session, c *cli.Context) ([]string, error) {
	var env []string
	for _, v := range c.StringSlice("env") {
		name, _, valued := strings.Cut(v, "=")
		if name == "" || strings.ContainsAny(name, " \t\n\x00") || strings.Contains(v, "\x00") {
			return nil, exit.Usagef("--env %q: expected NAME=VALUE or NAME", v)
		}
		if !valued {
			v = name + "=" + run.Getenv(name)
		}
		env = append(env, v)
	}
	return env, nil
}

// runSandboxed runs the command with this process's input and output. Signals go to the command.
func runSandboxed(ctx context.Context, run *session.Session, c *cli.Context, cmd sandbox.Command) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = run.Stdin, run.RawOut, run.RawErr
	if terminal, ok := ownTerminal(run); ok {
		cmd.Terminal = terminal
		if kind := run.Getenv("TERM"); kind != "" && !slices.ContainsFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "TERM=") }) {
			cmd.Env = append(cmd.Env, "TERM="+kind)
		}
	}
	cmd.Notice = func(n sandbox.Notice) {
		switch {
		case n.Warning:
			run.Warn(n.Text)
		case c.Bool("verbose"):
			fmt.Fprintf(run.Stderr, "pyimg: %s\n", n.Text)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the first Ctrl-C is the command's
	defer cancel()
	caught := make(chan os.Signal, 8)
	signal.Notify(caught, host.Forwarded()...)
	defer signal.Stop(caught)
	passed := make(chan os.Signal, 8)
	cmd.Signals = passed
	go passSignals(ctx, caught, passed, cancel)
	ended, err := sandbox.Run(ctx, cmd)
	start := (*sandbox.StartError)(nil)
	switch {
	case errors.As(err, &start):
		return &exit.RanError{Program: exit.Code(start.Code), Err: err}
	case err != nil:
		return &exit.RanError{Program: exitNotRun, Err: err}
	case ended.Limit != "":
		return &exit.RanError{Program: exit.Code(ended.Code), Err: fmt.Errorf("the command was ended: %s", limitText(ended.Limit, cmd.Limits))}
	case ended.Code != 0:
		return &exit.RanError{Program: exit.Code(ended.Code)}
	}
	return nil
}

// ownTerminal is the terminal that both input and output of this process are.
func ownTerminal(run *session.Session) (*os.File, bool) {
	in, ok := run.Stdin.(*os.File)
	return in, ok && run.ResultTerminal && term.IsTerminal(int(in.Fd()))
}

// stopGrace is how long a command has to end after SIGTERM, as docker stop has it.
const stopGrace = 10 * time.Second

// passSignals passes signals on. A command that does not end after SIGTERM, or after the third Ctrl-C, is killed.
func passSignals(ctx context.Context, caught <-chan os.Signal, passed chan<- os.Signal, kill func()) {
	interrupts := 0
	for {
		select {
		case s := <-caught:
			if s == os.Interrupt {
				interrupts++
			}
			switch {
			case interrupts == 3:
				kill()
			case s == syscall.SIGTERM:
				time.AfterFunc(stopGrace, kill)
			}
			select {
			case passed <- s:
			default: // the command is being started still, and is killed if it gets stuck
			}
		case <-ctx.Done():
			return
		}
	}
}

func limitText(limit string, l sandbox.Limits) string {
	switch limit {
	case "time":
		return fmt.Sprintf("it took longer than --timeout %s", l.Time)
	case "memory":
		return fmt.Sprintf("it took more memory than --memory allows, %s", termtext.Size(l.Memory))
	case "processes":
		return fmt.Sprintf("it had as many processes and threads as --processes allows, %d", l.Processes)
	}
	return "it exceeded the limit of " + limit
}
