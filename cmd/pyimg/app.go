package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

// runApp does what a command line asks for.
func runApp(ctx context.Context, con console.Console, args []string) error {
	return cmdline.Run(ctx, app(con), args, values)
}

func app(con console.Console) *cli.App {
	return cmdline.App(&cli.App{
		Name:  "pyimg",
		Usage: "assemble Python container images from Alpine packages and prebuilt runtimes",
		Description: "No daemon, no root, no container run: an apk's data stream already is an image layer, and pyimg keeps it so.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong use or bad spec, 3 no solution for the packages,\n" +
			"4 authentication, 5 network or registry, 6 verification failed, 130 interrupted.",
		Writer:    con.Stdout,
		ErrWriter: con.Stderr,
		Commands: checked(
			initCommand(con),
			assembleCommand(con),
			lockCommand(con),
			runImageCommand(con),
			resolveCommand(con),
			inspectCommand(con),
			diffCommand(con),
			verifyCommand(con),
			explainCommand(con),
			sbomCommand(con),
			pushCommand(con),
			runtimeCommand(con),
			benchCommand(con),
			wheelsCommand(con),
			bundleCommand(con),
			cacheCommand(con),
			indexCommand(con),
			attachCommand(con),
			signCommand(con),
			keyCommand(con),
			demoCommand(con),
			versionCommand(con),
			completionCommand(con),
		),
	})
}

func wheelsCommand(con console.Console) *cli.Command {
	return cmdline.Group("wheels", "build an index of wheels for musl, and keep it up to date",
		wheelsPlanCommand(con), wheelsBuildCommand(con), wheelsAuditCommand(con), wheelsIndexCommand(con), wheelsServeCommand(con), wheelsStatusCommand(con))
}

func runtimeCommand(con console.Console) *cli.Command {
	return cmdline.Group("runtime", "build runtimes, look into them, and make them layers", runtimeBuildCommand(con), runtimeInspectCommand(con), runtimePackCommand(con))
}

func keyCommand(con console.Console) *cli.Command {
	return cmdline.Group("key", "make keys for signing images", keyGenerateCommand(con))
}

func cacheCommand(con console.Console) *cli.Command {
	return cmdline.Group("cache", "show what the cache holds, and remove what is not used", cacheStatCommand(con), cachePruneCommand(con))
}

func bundleCommand(con console.Console) *cli.Command {
	c := cmdline.Group("bundle", "carry all that an image is made of across an air gap",
		bundleCreateCommand(con), bundleVerifyCommand(con), bundleServeCommand(con), bundleImportCommand(con))
	c.Aliases = []string{"mirror"} // its name until a mirror was Alpine's alone
	c.Description = "\"pyimg mirror\" is another name for it, and --mirror and --mirror-id for --bundle\nand --bundle-id."
	return c
}

// checked has each command refuse several outputs on stdout before it does anything.
func checked(commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.Before = session.OneOnStdout
		checked(c.Subcommands...)
	}
	return commands
}
