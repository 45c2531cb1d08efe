package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
)

func wheelsCommand(con console.Console) *cli.Command {
	return cmdline.Group("wheels", "build an index of wheels for musl, and keep it up to date",
		wheelsPlanCommand(con), wheelsBuildCommand(con), wheelsAuditCommand(con), wheelsIndexCommand(con), wheelsServeCommand(con), wheelsStatusCommand(con))
}
